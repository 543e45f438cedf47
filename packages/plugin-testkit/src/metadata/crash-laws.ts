import assert from 'node:assert/strict';
import type { MetadataStore } from '@slipway/plugin-api';
import { allResults } from '../children/child-process.js';
import type { Law } from '../law.js';
import type { MetadataOperation } from './operator.js';
import { all, counts, names, put, putPair } from './tables.js';

/** What is there after kill -9: every acknowledged write, and no other by half. */
export function crashLaws(law: Law<MetadataStore>, steps: readonly string[]): void {
  for (const step of steps) {
    for (const times of [1, 7]) {
      law(`after ${step}, the ${times}. time, what was acknowledged is there`, async ({ instance: store, start, open }) => {
        const child = start<MetadataOperation>([['pairs', 'w', 20]], { step, signal: 'SIGKILL', times });
        const { signal, outcomes } = await child.result;
        assert.equal(signal, 'SIGKILL', `the step "${step}" was not announced`);
        for (const seen of [store, (await open()).instance]) assertWhole(seen, new Map([['w', outcomes.length]]));
      });
    }
  }

  law('inside a transaction loses that transaction only, and holds up nobody', async ({ instance: store, start }) => {
    await store.write(put('before', '1'));
    const child = start<MetadataOperation>([['stopInside', 'killed']]);
    await child.stopped();
    const written = store.write((tx) => {
      tx.put(names, 'after', '1');
      return tx.get(names, 'killed');
    });
    child.kill('SIGKILL');
    assert.equal(await written, undefined);
    assert.deepEqual(
      all(store).map(([key]) => key),
      ['after', 'before'],
    );
  });

  law(
    'at any moment of several processes: what was acknowledged is there, and others go on',
    async ({ instance: store, start, open }) => {
      const acknowledged = new Map<string, number>();
      for (let round = 0; round < 5; round++) {
        const children = [0, 1, 2].map((index) => {
          const name = `w${round}-${index}`;
          return { name, child: start<MetadataOperation>([['pairs', name, 100_000]]), until: 5 + 7 * index + round };
        });
        // Others may hold the lock, or wait for it, when one dies.
        await Promise.all(
          children.map(async ({ child, until }) => {
            await child.said(until);
            child.kill('SIGKILL');
            await child.result;
          }),
        );
        await allResults(children.map(({ child }) => child));
        for (const { name, child } of children) acknowledged.set(name, child.outcomes.length);
        assertWhole(store, acknowledged);
        assertWhole((await open()).instance, acknowledged);
      }
      await store.write(putPair('again'));
      assertWhole(store, new Map([...acknowledged, ['again', 1]]));
    },
  );
}

/** As many pairs of each writer as it was told of, or one more; and the count of all rows. */
function assertWhole(store: MetadataStore, acknowledged: ReadonlyMap<string, number>): void {
  store.read((tx) => {
    assert.equal(tx.get(counts, 'rows') ?? 0, [...tx.entries(names)].length);
    for (const [name, count] of acknowledged) {
      const rows = [...tx.entries(names, { prefix: `${name}/` })].length;
      assert.ok(rows === 2 * count || rows === 2 * count + 2, `${name}: found ${rows} rows after ${count} acknowledged pairs`);
    }
  });
}
