import assert from 'node:assert/strict';
import { type ContentStore, isKind } from '@slipway/plugin-api';
import { assertBytes } from '../assert-bytes.js';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { content, digestOf, expectedOf, large, put, readAll, small } from './bytes.js';

/** Calls that are under way at the same time, in one process. */
export function concurrencyLaws(law: Law<ContentStore>): void {
  law('many writers at once', async ({ instance: store }) => {
    const all = Array.from({ length: 12 }, (_, index) => content(1_500_000 + index * 1000, index + 10));
    const committed = await Promise.all(all.map((bytes, index) => put(store, `r${index}`, bytes)));
    assert.deepEqual(committed, all.map(expectedOf));
    for (const bytes of all) assertBytes(await readAll(store, digestOf(bytes)), bytes);
    assert.deepEqual(await store.listStatuses(), []);
  });

  law('of many that commit one content at once, one wins', async ({ instance: store, open }) => {
    const stores = [store, (await open()).instance];
    for (const bytes of [small, large]) {
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) => put(stores[index % 2] ?? store, `r${index}`, bytes)),
      );
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const result of results)
        if (result.status === 'rejected') await expectKind(Promise.reject(result.reason), 'already-exists');
      assert.deepEqual(await store.listStatuses(), []);
      assertBytes(await readAll(store, digestOf(bytes)), bytes);
    }
  });

  law('of many that open one ref at once, one wins', async ({ instance: store, open }) => {
    const stores = [store, (await open()).instance];
    for (let round = 0; round < 5; round++) {
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) => (stores[index % 2] ?? store).writer({ ref: 'r' })),
      );
      const writers = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
      assert.equal(writers.length, 1);
      for (const result of results)
        if (result.status === 'rejected') await expectKind(Promise.reject(result.reason), 'unavailable');
      await writers[0]?.close();
    }
  });

  law('of many that delete one blob at once, one wins', async ({ instance: store }) => {
    const { digest } = await put(store, 'r', small);
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => store.delete(digest)));
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const result of results) if (result.status === 'rejected') await expectKind(Promise.reject(result.reason), 'not-found');
  });

  law('opening and dropping one ref race without two owners', async ({ instance, open }) => {
    let owners = 0;
    const work = async (store: ContentStore): Promise<void> => {
      for (let round = 0; round < 100; round++) {
        try {
          await using writer = await store.writer({ ref: 'r' });
          owners += 1;
          assert.equal(owners, 1, 'two writers of one ref');
          await writer.write(Buffer.of(round));
          owners -= 1;
          await writer.commit({ size: 99_999 });
        } catch (error) {
          if (!isKind(error, 'unavailable', 'failed-precondition')) throw error;
        }
        await store.abort('r').catch((error: unknown) => {
          if (!isKind(error, 'not-found', 'unavailable')) throw error;
        });
      }
    };
    await Promise.all([work(instance), work((await open()).instance), work(instance)]);
    assert.deepEqual(await instance.listStatuses(), []);
  });

  law('a blob that comes and goes is whole whenever it is seen', async ({ instance: store, open }) => {
    const { instance: other } = await open();
    const { digest } = expectedOf(large);
    const gone = (error: unknown): undefined => {
      if (!isKind(error, 'not-found')) throw error;
      return undefined;
    };
    let isOver = false;
    const look = async (): Promise<void> => {
      while (!isOver) {
        const bytes = await readAll(other, digest).catch(gone);
        if (bytes !== undefined) assert.equal(digestOf(bytes), digest);
        for await (const info of other.walk()) assert.deepEqual([info.digest, info.size], [digest, large.length]);
      }
    };
    const change = async (): Promise<void> => {
      try {
        for (let round = 0; round < 8; round++) {
          await put(store, 'r', large);
          await store.delete(digest);
        }
      } finally {
        isOver = true;
      }
    };
    await Promise.all([look(), change()]);
  });
}
