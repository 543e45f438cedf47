import assert from 'node:assert/strict';
import { defineTable, isSlipwayError, type MetadataStore, type WriteTransaction } from '@slipway/plugin-api';
import type { LawRunner } from './law-runner.js';

/** One store on a place of its own. */
export interface MetadataUnderTest extends AsyncDisposable {
  readonly store: MetadataStore;
  /** Closes the store, and opens it again on what it left. */
  reopen(): Promise<MetadataStore>;
}

const text = (value: unknown): string => {
  if (typeof value !== 'string') throw new Error(`found ${typeof value}, expected a string`);
  return value;
};
const names = defineTable('names', text);
const numbers = defineTable('names', (value: unknown): number => {
  if (typeof value !== 'number') throw new Error(`found ${typeof value}, expected a number`);
  return value;
});
const things = defineTable('names/things', (value: unknown) => value);
const neighbour = defineTable('name', text);

/** The laws of {@link MetadataStore} that one process can check, for any implementation. `open` gives a fresh, empty store. */
export function metadataLaws(runner: LawRunner, open: () => Promise<MetadataUnderTest>): void {
  const law = (name: string, body: (store: MetadataStore, under: MetadataUnderTest) => Promise<void>): void =>
    runner.it(name, async () => {
      await using under = await open();
      await body(under.store, under);
    });
  const put =
    (key: string, value: string) =>
    (tx: WriteTransaction): void =>
      tx.put(names, key, value);
  const all = (store: MetadataStore): readonly (readonly [string, string])[] => store.read((tx) => [...tx.entries(names)]);

  runner.describe('laws of metadata.v1', () => {
    law('gives what was put, until it is replaced or deleted', async (store) => {
      await store.write(put('a', '1'));
      assert.equal(
        store.read((tx) => tx.get(names, 'a')),
        '1',
      );
      await store.write(put('a', '2'));
      assert.equal(
        store.read((tx) => tx.get(names, 'a')),
        '2',
      );
      assert.equal(await store.write((tx) => tx.delete(names, 'a')), true);
      assert.equal(await store.write((tx) => tx.delete(names, 'a')), false);
      assert.equal(
        store.read((tx) => tx.get(names, 'a')),
        undefined,
      );
    });

    law('returns what the callback returns', async (store) => {
      assert.equal(await store.write(() => 7), 7);
      assert.deepEqual(
        store.read(() => ['x']),
        ['x'],
      );
    });

    law('keeps JSON data as it was, also keys that JavaScript gives a meaning', async (store) => {
      const value: unknown = JSON.parse('{"__proto__":{"a":1},"constructor":"c","n":[1.5,null,true,""],"é":"\\u0000"}');
      await store.write((tx) => tx.put(things, '__proto__', value));
      assert.equal(JSON.stringify(store.read((tx) => tx.get(things, '__proto__'))), JSON.stringify(value));
    });

    law('iterates in the byte order of UTF-8 keys, within the table and the prefix', async (store) => {
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
      assert.deepEqual(
        store.read((tx) => [...tx.entries(names, { prefix: 'a' })].map(([key]) => key)),
        ['a', 'a\0', 'a\0b', 'aa', 'ab'],
      );
      assert.deepEqual(
        store.read((tx) => [...tx.entries(names, { prefix: 'q' })]),
        [],
      );
    });

    law('iterates over a thousand rows, also while they are deleted', async (store) => {
      const keys = Array.from({ length: 1000 }, (_, index) => String(index).padStart(4, '0'));
      await store.write((tx) => {
        for (const key of keys) tx.put(names, key, key);
      });
      assert.deepEqual(
        all(store).map(([key]) => key),
        keys,
      );
      const seen = await store.write((tx) => {
        const found: string[] = [];
        for (const [key] of tx.entries(names)) {
          found.push(key);
          tx.delete(names, key);
        }
        return found;
      });
      assert.deepEqual(seen, keys);
      assert.deepEqual(all(store), []);
    });

    law('refuses a key of 0 or 1,025 bytes, takes one of 1,024', async (store) => {
      for (const key of ['', `${'é'.repeat(512)}x`, '\uD800']) {
        await rejectsWith(store.write(put(key, 'v')), 'invalid-argument');
      }
      await store.write(put('é'.repeat(512), 'v'));
      assert.equal(all(store).length, 1);
    });

    law('sees its own writes inside a write', async (store) => {
      await store.write(put('a', '1'));
      await store.write((tx) => {
        tx.put(names, 'b', '2');
        tx.delete(names, 'a');
        assert.deepEqual([...tx.entries(names)], [['b', '2']]);
        assert.equal(tx.get(names, 'a'), undefined);
      });
    });

    law('a callback that throws leaves nothing, and rejects with what it threw', async (store) => {
      const thrown = new Error('mine');
      const failing = store.write((tx) => {
        tx.put(names, 'a', '1');
        throw thrown;
      });
      await assert.rejects(failing, (error) => error === thrown);
      assert.deepEqual(all(store), []);
    });

    law('a callback that throws undoes nothing of the writes beside it', async (store) => {
      const results = await Promise.allSettled(
        Array.from({ length: 30 }, (_, index) =>
          store.write((tx) => {
            tx.put(names, `k${index}`, 'v');
            if (index % 3 === 1) throw new Error('mine');
          }),
        ),
      );
      assert.deepEqual(
        results.map(({ status }) => status),
        Array.from({ length: 30 }, (_, index) => (index % 3 === 1 ? 'rejected' : 'fulfilled')),
      );
      assert.equal(all(store).length, 20);
    });

    law('refuses a callback that returns a promise, and writes nothing', async (store) => {
      const asynchronous = store.write(async (tx) => {
        tx.put(names, 'a', '1');
        throw new Error('late');
      });
      await rejectsWith(asynchronous, 'invalid-argument');
      assert.deepEqual(all(store), []);
    });

    law('writes are in one order: a counter counts every one', async (store) => {
      await Promise.all(
        Array.from({ length: 50 }, () => store.write((tx) => tx.put(numbers, 'n', (tx.get(numbers, 'n') ?? 0) + 1))),
      );
      assert.equal(
        store.read((tx) => tx.get(numbers, 'n')),
        50,
      );
    });

    law('a transaction cannot be used after its callback', async (store) => {
      const late = await store.write((tx) => ({ put: () => tx.put(names, 'a', '1') }));
      assert.throws(() => late.put());
      const entries = store.read((tx) => ({ first: () => [...tx.entries(names)] }));
      assert.throws(() => entries.first());
      assert.deepEqual(all(store), []);
    });

    law('a write called inside a write is a transaction of its own, after it', async (store) => {
      const { inner } = await store.write((tx) => {
        tx.put(names, 'outer', '1');
        return { inner: [store.write((nested) => nested.put(names, 'inner', String(nested.get(names, 'outer'))))] };
      });
      await Promise.all(inner);
      assert.equal(
        store.read((tx) => tx.get(names, 'inner')),
        '1',
      );
    });

    law('a value that the table refuses is data-loss and names table and key', async (store) => {
      await store.write(put('bad', 'text'));
      for (const found of [
        () => store.read((tx) => tx.get(numbers, 'bad')),
        () => store.read((tx) => [...tx.entries(numbers)]),
      ]) {
        assert.throws(
          found,
          (error) => isSlipwayError(error) && error.kind === 'data-loss' && /"bad".*"names"/.test(error.message),
        );
      }
      await rejectsWith(
        store.write((tx) => tx.get(numbers, 'bad')),
        'data-loss',
      );
    });

    law('acknowledged writes are there after reopening', async (store, under) => {
      await store.write(put('a', '1'));
      assert.deepEqual(all(await under.reopen()), [['a', '1']]);
    });
  });
}

async function rejectsWith(promise: Promise<unknown>, kind: string): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isSlipwayError(error), `found ${String(error)}, expected a SlipwayError`);
    assert.equal(error.kind, kind);
    return true;
  });
}
