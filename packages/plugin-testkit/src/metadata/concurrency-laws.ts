import assert from 'node:assert/strict';
import type { MetadataStore } from '@slipway/plugin-api';
import type { Law } from '../law.js';
import { all, counts, names, numbers, put, putPair } from './tables.js';

/** Two stores of one process on one root. */
export function concurrencyLaws(law: Law<MetadataStore>): void {
  law('what one store wrote, another one sees at once', async ({ instance: store, open }) => {
    const { instance: other } = await open();
    for (let round = 0; round < 20; round++) {
      await store.write(put('a', `${round}`));
      assert.equal(
        other.read((tx) => tx.get(names, 'a')),
        `${round}`,
      );
      await other.write(put('b', `${round}`));
      assert.equal(
        store.read((tx) => tx.get(names, 'b')),
        `${round}`,
      );
    }
  });

  law('two stores exclude each other: a counter counts every write', async ({ instance: store, open }) => {
    const { instance: other } = await open();
    await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        (index % 2 === 0 ? store : other).write((tx) => tx.put(numbers, 'n', (tx.get(numbers, 'n') ?? 0) + 1)),
      ),
    );
    assert.equal(
      store.read((tx) => tx.get(numbers, 'n')),
      60,
    );
  });

  law('disposing one store leaves the other working', async ({ instance: store, open }) => {
    const second = await open();
    await second.instance.write(put('a', '1'));
    await second[Symbol.asyncDispose]();
    await store.write(put('b', '2'));
    assert.deepEqual(all(store), [
      ['a', '1'],
      ['b', '2'],
    ]);
  });

  law('reads beside writes see whole transactions', async ({ instance: store, open }) => {
    const { instance: other } = await open();
    let isOver = false;
    const write = async (): Promise<void> => {
      for (let index = 0; index < 60; index++) await store.write(putPair(`k${index}`));
      isOver = true;
    };
    const read = async (): Promise<void> => {
      while (!isOver) {
        for (const seen of [store, other]) {
          const [rows, count] = seen.read((tx) => [[...tx.entries(names)].length, tx.get(counts, 'rows') ?? 0]);
          assert.equal(rows, count);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([write(), read()]);
  });
}
