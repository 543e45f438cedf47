import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { digestOf } from '@slipway/oci';
import { isSlipwayError, type MetadataStore } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { all, names, numbers, put, things } from './tables.js';

/** What is refused, with which kind, and what is left then. */
export function failureLaws(law: Law<MetadataStore>): void {
  law('refuses a key of 0 or 1,025 bytes, takes one of 1,024', async ({ instance: store }) => {
    for (const key of ['', `${'é'.repeat(512)}x`, '\uD800']) {
      await expectKind(store.write(put(key, 'v')), 'invalid-argument');
    }
    const longest = ['é'.repeat(512), `${'é'.repeat(511)}xy`];
    for (const key of longest) await store.write(put(key, key));
    assert.deepEqual(new Set(all(store).map(([key]) => key)), new Set(longest));
  });

  law('refuses what is no JSON data, and writes nothing', async ({ instance: store }) => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const odd = [
      undefined,
      Number.NaN,
      -Infinity,
      [undefined],
      { deep: [new Map()] },
      new Date(0),
      1n,
      () => 1,
      cycle,
      Symbol('s'),
    ];
    for (const value of odd) {
      const written = store.write((tx) => {
        tx.put(names, 'beside', '1');
        tx.put(things, 'odd', value);
      });
      await expectKind(written, 'invalid-argument');
    }
    assert.deepEqual(all(store), []);
  });

  law('refuses to put what the table would refuse when it is read, and writes nothing', async ({ instance: store }) => {
    const written = store.write((tx) => {
      tx.put(names, 'beside', '1');
      tx.put(numbers, 'bad', 'text' as unknown as number);
    });
    await expectKind(written, 'invalid-argument');
    assert.deepEqual(all(store), []);
  });

  law('tells the keys of what cannot be read', async ({ instance: store }) => {
    await store.write((tx) => {
      tx.put(names, 'bad', 'text');
      tx.put(numbers, 'well', 1);
    });
    assert.deepEqual(
      store.read((tx) => [...tx.keys(numbers)]),
      ['bad', 'well'],
    );
    assert.deepEqual(
      store.read((tx) => [...tx.keys(numbers, { prefix: 'w' })]),
      ['well'],
    );
    assert.equal(
      store.read((tx) => tx.get(numbers, 'well')),
      1,
    );
  });

  law('a value that the table refuses is data-loss and names table and key', async ({ instance: store }) => {
    await store.write(put('bad', 'text'));
    for (const found of [() => store.read((tx) => tx.get(numbers, 'bad')), () => store.read((tx) => [...tx.entries(numbers)])]) {
      assert.throws(
        found,
        (error) => isSlipwayError(error) && error.kind === 'data-loss' && /"bad".*"names"/.test(error.message),
      );
    }
    await expectKind(
      store.write((tx) => tx.get(numbers, 'bad')),
      'data-loss',
    );
    assert.deepEqual(all(store), [['bad', 'text']]);
  });

  law('a value that the table refuses hides no other', async ({ instance: store }) => {
    await store.write((tx) => {
      tx.put(names, 'bad', 'text');
      tx.put(numbers, 'good', 1);
    });
    assert.equal(
      store.read((tx) => tx.get(numbers, 'good')),
      1,
    );
    assert.equal(await store.write((tx) => tx.delete(numbers, 'bad')), true);
    assert.deepEqual(
      store.read((tx) => [...tx.entries(numbers)]),
      [['good', 1]],
    );
  });
}

export function newerFormatLaw(law: Law<MetadataStore>, makeNewer: (root: string) => Promise<readonly string[]>): void {
  law('a newer format is failed-precondition, and nothing is touched', async ({ subject, instance, open, root }) => {
    await instance.write(put('a', '1'));
    await subject[Symbol.asyncDispose]();
    const files = await makeNewer(root);
    const before = files.map((file) => digestOf(readFileSync(file)));
    await expectKind(open(), 'failed-precondition');
    assert.deepEqual(
      files.map((file) => digestOf(readFileSync(file))),
      before,
    );
  });
}
