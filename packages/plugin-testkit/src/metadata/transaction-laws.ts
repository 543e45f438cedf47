import assert from 'node:assert/strict';
import { isSlipwayError, type MetadataStore, type WriteTransaction } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { all, names, numbers, put } from './tables.js';

/** What a callback sees and leaves. */
export function transactionLaws(law: Law<MetadataStore>): void {
  law('returns what the callback returns', async ({ instance: store }) => {
    const object = {};
    assert.equal(await store.write(() => object), object);
    assert.equal(
      store.read(() => object),
      object,
    );
    assert.equal(await store.write(() => undefined), undefined);
  });

  law('sees its own writes inside a write', async ({ instance: store }) => {
    await store.write(put('a', '1'));
    await store.write((tx) => {
      tx.put(names, 'b', '2');
      tx.delete(names, 'a');
      assert.deepEqual([...tx.entries(names)], [['b', '2']]);
      assert.equal(tx.get(names, 'a'), undefined);
      assert.equal(tx.get(names, 'b'), '2');
    });
  });

  law('a callback that throws leaves nothing, and rejects with what it threw', async ({ instance: store }) => {
    await store.write(put('before', '1'));
    for (const thrown of [new Error('mine'), 'a string', undefined]) {
      const failing = store.write((tx) => {
        tx.put(names, 'a', '1');
        tx.put(names, 'before', '2');
        throw thrown;
      });
      const outcome = await failing.then(
        () => 'fulfilled',
        (error: unknown) => [error],
      );
      assert.deepEqual(outcome, [thrown]);
      assert.deepEqual(all(store), [['before', '1']]);
    }
    const thrown = new Error('mine');
    const reading = (): never =>
      store.read(() => {
        throw thrown;
      });
    assert.throws(reading, (error) => error === thrown);
  });

  law('a callback that throws undoes nothing of the writes beside it', async ({ instance: store }) => {
    const results = await Promise.allSettled(
      Array.from({ length: 30 }, (_, index) =>
        store.write((tx) => {
          tx.put(names, `k${index}`, 'v');
          if (index % 3 === 1) throw new Error('mine');
        }),
      ),
    );
    const expected = Array.from({ length: 30 }, (_, index) => (index % 3 === 1 ? 'rejected' : 'fulfilled'));
    assert.deepEqual(
      results.map(({ status }) => status),
      expected,
    );
    assert.equal(all(store).length, 20);
  });

  law('refuses a callback that returns a promise, and writes nothing', async ({ instance: store }) => {
    for (const asynchronous of [
      async (tx: WriteTransaction) => {
        tx.put(names, 'a', '1');
        throw new Error('late');
      },
      async (tx: WriteTransaction) => {
        tx.put(names, 'a', '1');
        await Promise.resolve();
        tx.put(names, 'b', '1');
      },
    ]) {
      await expectKind(store.write(asynchronous as (tx: WriteTransaction) => unknown), 'invalid-argument');
      await Promise.resolve();
      assert.deepEqual(all(store), []);
    }
    await store.write(put('a', '1'));
    assert.deepEqual(all(store), [['a', '1']]);
  });

  law('a transaction cannot be used after its callback', async ({ instance: store }) => {
    const late = await store.write((tx) => {
      const entries = tx.entries(names)[Symbol.iterator]();
      return [
        () => tx.put(names, 'a', '1'),
        () => tx.delete(names, 'a'),
        () => tx.get(names, 'a'),
        () => [...tx.entries(names)],
        () => entries.next(),
      ];
    });
    const reading = store.read((tx) => [() => tx.get(names, 'a'), () => [...tx.entries(names)]]);
    for (const use of [...late, ...reading]) assert.throws(use, (error) => isSlipwayError(error));
    assert.deepEqual(all(store), []);
  });

  law('a write called inside a write is a transaction of its own, after it', async ({ instance: store }) => {
    const { inner } = await store.write((tx) => {
      tx.put(names, 'outer', '1');
      return { inner: [store.write((nested) => nested.put(names, 'inner', String(nested.get(names, 'outer'))))] };
    });
    await Promise.all(inner);
    assert.deepEqual(all(store), [
      ['inner', '1'],
      ['outer', '1'],
    ]);
  });

  law('a write called inside a read comes after it', async ({ instance: store }) => {
    const { inner } = store.read((tx) => {
      const written = store.write(put('a', '1'));
      assert.equal(tx.get(names, 'a'), undefined);
      return { inner: written };
    });
    await inner;
    assert.deepEqual(all(store), [['a', '1']]);
  });

  law('a read called inside a write does not see what is not committed', async ({ instance: store }) => {
    await store.write(put('a', 'old'));
    let seen: string | undefined = 'old';
    const written = store.write((tx) => {
      tx.put(names, 'a', 'new');
      seen = store.read((reading) => reading.get(names, 'a'));
    });
    // Refusing it is right, too: the lock is held meanwhile.
    const outcome = await written.then(
      () => 'done',
      (error: unknown) => (isSlipwayError(error) ? error.kind : error),
    );
    assert.ok(outcome === 'done' || outcome === 'failed-precondition', String(outcome));
    assert.equal(seen, 'old');
    assert.deepEqual(all(store), [['a', outcome === 'done' ? 'new' : 'old']]);
  });

  law('reads inside reads are each of one state', async ({ instance: store }) => {
    await store.write(put('a', '1'));
    const seen = store.read((outer) => store.read((inner) => [inner.get(names, 'a'), outer.get(names, 'a')]));
    assert.deepEqual(seen, ['1', '1']);
  });

  law('writes are in the order of their calls: a counter counts every one', async ({ instance: store }) => {
    const counted = await Promise.all(
      Array.from({ length: 50 }, () =>
        store.write((tx) => {
          const next = (tx.get(numbers, 'n') ?? 0) + 1;
          tx.put(numbers, 'n', next);
          return next;
        }),
      ),
    );
    assert.deepEqual(
      counted,
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
  });

  law(
    'a write that is under way when the store is disposed is on disk when its promise fulfils',
    async ({ instance: store, reopen }) => {
      const written = store.write(put('a', '1')).then(
        () => [['a', '1']],
        () => [],
      );
      const { instance: again } = await reopen();
      assert.deepEqual(all(again), await written);
    },
  );
}
