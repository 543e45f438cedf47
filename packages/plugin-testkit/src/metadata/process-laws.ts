import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { MetadataStore } from '@slipway/plugin-api';
import { allResults } from '../children/child-process.js';
import type { Law } from '../law.js';
import type { MetadataOperation } from './operator.js';
import { all, counts, names, numbers, put, putPair } from './tables.js';

/** Several processes on one root. */
export function processLaws(law: Law<MetadataStore>): void {
  law('processes exclude each other: a counter counts every write', async ({ instance: store, start }) => {
    const children = Array.from({ length: 4 }, () => start<MetadataOperation>([['count', 50]]));
    for (let index = 0; index < 50; index++) {
      await store.write((tx) => tx.put(numbers, 'n', (tx.get(numbers, 'n') ?? 0) + 1));
    }
    for (const { outcomes } of await allResults(children)) assert.deepEqual(outcomes, ['done']);
    assert.equal(
      store.read((tx) => tx.get(numbers, 'n')),
      250,
    );
  });

  law('processes that open a new root at the same moment share one store', async ({ subject, root, open, start }) => {
    await subject[Symbol.asyncDispose]();
    rmSync(root, { recursive: true });
    mkdirSync(root);
    const children = Array.from({ length: 8 }, (_, index) => start<MetadataOperation>([['put', `n${index}`, '1']]));
    for (const { outcomes } of await allResults(children)) assert.deepEqual(outcomes, ['done']);
    assert.equal(all((await open()).instance).length, 8);
  });

  law(
    'what is acknowledged is seen and stays while other processes open and close the store',
    async ({ instance: store, start }) => {
      let isOver = false;
      const openAndClose = async (): Promise<void> => {
        for (let round = 0; round < 5 && !isOver; round++) await allResults([0, 1, 2].map(() => start([])));
      };
      let count = 0;
      const write = async (): Promise<void> => {
        while (!isOver) {
          await store.write(putPair(`k${count++}`));
          assert.equal(
            store.read((tx) => tx.get(counts, 'rows')),
            2 * count,
          );
          await setImmediate();
        }
      };
      const over = (): void => {
        isOver = true;
      };
      await Promise.all([openAndClose().finally(over), write().finally(over)]);
      assert.equal(all(store).length, 2 * count);
    },
  );

  law('a read sees one state throughout, and the next one what was committed meanwhile', async ({ instance: store, run }) => {
    await store.write(put('a', 'old'));
    store.read((tx) => {
      assert.equal(tx.get(names, 'a'), 'old');
      run<MetadataOperation>([
        ['put', 'a', 'new'],
        ['put', 'b', 'new'],
      ]);
      assert.equal(tx.get(names, 'a'), 'old');
      assert.deepEqual([...tx.entries(names)], [['a', 'old']]);
      // In the same turn of the event loop, while the older state is still being read.
      assert.equal(
        store.read((fresh) => fresh.get(names, 'a')),
        'new',
      );
      assert.equal(tx.get(names, 'b'), undefined);
    });
    assert.equal(
      store.read((tx) => tx.get(names, 'b')),
      'new',
    );
  });

  law('while a stopped process is in a transaction, reads go on and a write waits', async ({ instance: store, start }) => {
    const child = start<MetadataOperation>([['stopInside', 'stopper']]);
    await child.stopped();
    let isWritten = false;
    const written = store
      .write((tx) => tx.get(names, 'stopper'))
      .finally(() => {
        isWritten = true;
      });
    for (let turn = 0; turn < 20; turn++) {
      await setTimeout(5);
      assert.equal(
        store.read((tx) => tx.get(names, 'stopper')),
        undefined,
      );
    }
    assert.equal(isWritten, false);
    child.kill('SIGCONT');
    assert.equal(await written, '1');
    assert.deepEqual((await child.result).outcomes, ['done']);
  });
}
