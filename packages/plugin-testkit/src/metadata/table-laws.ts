import assert from 'node:assert/strict';
import type { MetadataStore } from '@slipway/plugin-api';
import type { Law } from '../law.js';
import { all, names, neighbour, put, things } from './tables.js';

/** What tables keep, and in which order. */
export function tableLaws(law: Law<MetadataStore>): void {
  law('gives what was put, until it is replaced or deleted', async ({ instance: store }) => {
    const found = (): string | undefined => store.read((tx) => tx.get(names, 'a'));
    assert.equal(found(), undefined);
    await store.write(put('a', '1'));
    assert.equal(found(), '1');
    await store.write(put('a', '2'));
    assert.equal(found(), '2');
    assert.equal(await store.write((tx) => tx.delete(names, 'a')), true);
    assert.equal(await store.write((tx) => tx.delete(names, 'a')), false);
    assert.equal(found(), undefined);
  });

  law('keeps JSON data as it was, also keys that JavaScript gives a meaning', async ({ instance: store }) => {
    const texts = [
      '{"__proto__":{"a":1},"constructor":"c","n":[1.5,null,true,""],"é":"\\u0000"}',
      '{"toJSON":"no function","then":1,"length":-1}',
      '[]',
      '{}',
      'null',
      'false',
      '""',
      '0',
      '9007199254740991',
      '"\\ud800"',
      '[[[[[[[[[[1]]]]]]]]]]',
    ];
    await store.write((tx) => {
      for (const [index, text] of texts.entries()) tx.put(things, `k${index}`, JSON.parse(text));
      tx.put(things, '__proto__', 'of the table');
    });
    for (const [index, text] of texts.entries()) {
      assert.equal(JSON.stringify(store.read((tx) => tx.get(things, `k${index}`))), text);
    }
    assert.equal(
      store.read((tx) => tx.get(things, '__proto__')),
      'of the table',
    );
    assert.equal(
      store.read((tx) => tx.get(things, 'constructor')),
      undefined,
    );
  });

  law('keeps values apart from the objects that were put and given', async ({ instance: store }) => {
    const value = { list: [1] };
    await store.write((tx) => {
      tx.put(things, 'a', value);
      value.list.push(2);
      assert.deepEqual(tx.get(things, 'a'), { list: [1] });
    });
    const given = store.read((tx) => tx.get(things, 'a')) as typeof value;
    given.list.push(3);
    assert.deepEqual(
      store.read((tx) => tx.get(things, 'a')),
      { list: [1] },
    );
  });

  law('iterates in the byte order of UTF-8 keys, within the table and the prefix', async ({ instance: store }) => {
    // U+1F600 comes before U+FFFD in UTF-16, and after it in UTF-8.
    const keys = ['a', 'a\0', 'a\0b', 'aa', 'ab', 'b', 'é', '\uFFFD', '\u{1F600}', 'z'.repeat(1024)];
    await store.write((tx) => {
      for (const key of [...keys].reverse()) tx.put(names, key, key);
      tx.put(neighbour, 'zz', 'other');
      tx.put(things, 'aa', 'other');
    });
    const expected = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(
      all(store).map(([key]) => key),
      expected,
    );
    const below = (prefix: string): string[] => store.read((tx) => [...tx.entries(names, { prefix })].map(([key]) => key));
    assert.deepEqual(below('a'), ['a', 'a\0', 'a\0b', 'aa', 'ab']);
    assert.deepEqual(below('a\0'), ['a\0', 'a\0b']);
    assert.deepEqual(below('q'), []);
    assert.deepEqual(below(''), expected);
    assert.deepEqual(
      store.read((tx) => [...tx.entries(neighbour)]),
      [['zz', 'other']],
    );
  });

  law('tables do not touch each other', async ({ instance: store }) => {
    await store.write((tx) => {
      for (const table of [names, neighbour]) tx.put(table, 'k', table.name);
      tx.put(things, 'k', 1);
      tx.delete(neighbour, 'k');
    });
    store.read((tx) => {
      assert.deepEqual([tx.get(names, 'k'), tx.get(neighbour, 'k'), tx.get(things, 'k')], ['names', undefined, 1]);
    });
  });

  law('iterates over thousands of rows, also while they are changed', async ({ instance: store }) => {
    const keys = Array.from({ length: 5000 }, (_, index) => String(index).padStart(4, '0'));
    await store.write((tx) => {
      for (const key of keys) tx.put(names, key, key);
    });
    assert.deepEqual(
      all(store).map(([key]) => key),
      keys,
    );
    assert.equal(
      store.read((tx) => [...tx.entries(names, { prefix: '12' })].length),
      100,
    );
    const seen = await store.write((tx) => {
      const found: string[] = [];
      for (const [key, value] of tx.entries(names)) {
        found.push(key);
        if (Number(key) % 2 === 0) tx.delete(names, key);
        else tx.put(names, key, `${value}!`);
      }
      return found;
    });
    assert.deepEqual(seen, keys);
    assert.deepEqual(
      all(store),
      keys.filter((key) => Number(key) % 2 === 1).map((key) => [key, `${key}!`]),
    );
  });

  law('an iteration can be given up', async ({ instance: store }) => {
    await store.write((tx) => {
      for (let index = 0; index < 1000; index++) tx.put(names, String(index), 'v');
    });
    for (let round = 0; round < 50; round++) {
      store.read((tx) => {
        for (const [key] of tx.entries(names)) if (key.startsWith('5')) break;
      });
    }
    await store.write(put('a', '1'));
    assert.equal(all(store).length, 1001);
  });

  law('keeps values of every size', async ({ instance: store }) => {
    const sizes = [0, 1, 1000, 4095, 4096, 100_000, 3_000_000];
    for (const size of sizes) await store.write(put(`k${size}`, 'é'.repeat(size)));
    for (const size of sizes)
      assert.equal(
        store.read((tx) => tx.get(names, `k${size}`)),
        'é'.repeat(size),
      );
    for (const size of sizes) await store.write(put(`k${size}`, 'small'));
    assert.deepEqual(new Set(all(store).map(([, value]) => value)), new Set(['small']));
  });

  law('acknowledged writes are there after reopening', async ({ instance: store, reopen }) => {
    await store.write(put('a', '1'));
    await store.write((tx) => tx.put(things, 'é', { deep: [1] }));
    const { instance: again } = await reopen();
    assert.deepEqual(all(again), [['a', '1']]);
    assert.deepEqual(
      again.read((tx) => tx.get(things, 'é')),
      { deep: [1] },
    );
  });
}
