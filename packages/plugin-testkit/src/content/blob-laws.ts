import assert from 'node:assert/strict';
import { readSync } from 'node:fs';
import type { ContentStore, Digest } from '@slipway/plugin-api';
import { assertBytes } from '../assert-bytes.js';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { content, digestOf, large, put, readAll, small, walked, writeInChunks } from './bytes.js';

/** What is seen of committed content. */
export function blobLaws(law: Law<ContentStore>): void {
  for (const [what, bytes] of [
    ['empty content', Buffer.alloc(0)],
    ['small content (SmallBlob)', small],
    ['large content', large],
  ] as const) {
    law(`${what} goes in and comes out`, async ({ instance: store }) => {
      const digest = digestOf(bytes);
      const from = Date.now();
      await using writer = await store.writer({ ref: 'r', expected: { digest, size: bytes.length } });
      await writeInChunks(writer, bytes);
      assert.equal(writer.status().offset, bytes.length);
      assert.deepEqual(await writer.commit({ digest, size: bytes.length }), { digest, size: bytes.length });
      assertBytes(await readAll(store, digest), bytes);
      const info = await store.info(digest);
      assert.deepEqual([info.digest, info.size, info.labels], [digest, bytes.length, {}]);
      // File systems cut times to their own grain, a jiffy or a second.
      assert.ok(Date.parse(info.createdAt) >= from - 2000 && Date.parse(info.createdAt) <= Date.now() + 2000);
      await expectKind(store.status('r'), 'not-found');
    });
  }

  law('what was committed is there after reopening', async ({ instance, reopen }) => {
    const { digest } = await put(instance, 'r', large);
    const before = await instance.info(digest);
    const { instance: again } = await reopen();
    assert.deepEqual(await again.info(digest), before);
    assertBytes(await readAll(again, digest), large);
    assert.deepEqual(await again.listStatuses(), []);
  });

  law('without a digest the sha256 is the name; a sha512 can be asked for early or late', async ({ instance: store }) => {
    assert.deepEqual(await put(store, 'a', small), { digest: digestOf(small), size: small.length });
    const sha512 = digestOf(small, 'sha512');
    await using late = await store.writer({ ref: 'late' });
    await late.write(small);
    assert.deepEqual(await late.commit({ digest: sha512 }), { digest: sha512, size: small.length });
    const expected = { digest: digestOf(large, 'sha512'), size: large.length };
    await using early = await store.writer({ ref: 'early', expected });
    await early.write(large);
    assert.deepEqual(await early.commit(), expected);
    const digests = (await walked(store)).map(({ digest }) => digest);
    assert.deepEqual(new Set(digests), new Set([digestOf(small), sha512, expected.digest]));
    assertBytes(await readAll(store, expected.digest), large);
  });

  law('nothing is visible before the commit', async ({ instance: store, open }) => {
    await using writer = await store.writer({ ref: 'r' });
    await writer.write(large);
    for (const seen of [store, (await open()).instance]) {
      await expectKind(seen.info(digestOf(large)), 'not-found');
      await expectKind(seen.readerAt(digestOf(large)), 'not-found');
      assert.deepEqual(await walked(seen), []);
    }
  });

  law('walk shows every blob once, as info does', async ({ instance: store }) => {
    const digests: Digest[] = [];
    for (let seed = 1; seed <= 40; seed++) digests.push((await put(store, 'r', content(seed, seed))).digest);
    const infos = await walked(store);
    assert.equal(infos.length, digests.length);
    assert.deepEqual(new Set(infos.map(({ digest }) => digest)), new Set(digests));
    for (const info of infos) assert.deepEqual(await store.info(info.digest), info);
  });

  law('walk shows once what stays, whatever comes and goes meanwhile', async ({ instance: store }) => {
    const digests: Digest[] = [];
    for (let seed = 1; seed <= 30; seed++) digests.push((await put(store, 'r', content(seed, seed))).digest);
    const [stay, go] = [digests.slice(0, 20), digests.slice(20)];
    const seen: Digest[] = [];
    for await (const { digest, size } of store.walk()) {
      const [gone] = go.splice(0, 1);
      if (gone !== undefined) await store.delete(gone);
      await put(store, 'r', content(1000 + seen.length, 99));
      assert.equal((await store.info(digest).catch(() => ({ size }))).size, size);
      seen.push(digest);
    }
    assert.equal(new Set(seen).size, seen.length, 'a blob was seen twice');
    for (const digest of stay) assert.ok(seen.includes(digest), `${digest} was not seen`);
  });

  law('a walk can be given up', async ({ instance: store }) => {
    for (let seed = 1; seed <= 5; seed++) await put(store, 'r', content(seed, seed));
    for await (const { digest } of store.walk()) {
      await store.delete(digest);
      break;
    }
    assert.equal((await walked(store)).length, 4);
  });

  law('a deleted blob is gone; an open reader goes on', async ({ instance: store, open }) => {
    const { digest } = await put(store, 'r', large);
    await using reader = await store.readerAt(digest);
    await store.delete(digest);
    for (const seen of [store, (await open()).instance]) {
      await expectKind(seen.info(digest), 'not-found');
      await expectKind(seen.readerAt(digest), 'not-found');
      await expectKind(seen.delete(digest), 'not-found');
      assert.deepEqual(await walked(seen), []);
    }
    const target = Buffer.alloc(100);
    assert.equal(await reader.read(target, 4_000_000), 100);
    assertBytes(target, large.subarray(4_000_000, 4_000_100));
    await put(store, 'r', large);
    assertBytes(await readAll(store, digest), large);
  });

  law('reads anywhere; less only at the end', async ({ instance: store }) => {
    const { digest } = await put(store, 'r', small);
    await using reader = await store.readerAt(digest);
    const target = Buffer.alloc(300);
    assert.equal(reader.size, small.length);
    assert.equal(await reader.read(target, 100), 300);
    assertBytes(target, small.subarray(100, 400));
    assert.equal(await reader.read(target, 800), 200);
    assertBytes(target.subarray(0, 200), small.subarray(800));
    assert.equal(await reader.read(target, 1000), 0);
    assert.equal(await reader.read(target, 5000), 0);
    assert.equal(await reader.read(Buffer.alloc(0), 0), 0);
  });

  law('readers are many and of one mind', async ({ instance: store }) => {
    const { digest } = await put(store, 'r', large);
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        await using reader = await store.readerAt(digest);
        const target = Buffer.alloc(10_000);
        const at = index * 250_000;
        await reader.read(target, at);
        assertBytes(target, large.subarray(at, at + 10_000));
      }),
    );
  });

  law('a reader that gives a descriptor gives the bytes behind it, for as long as it is open', async ({ instance: store }) => {
    const { digest } = await put(store, 'r', large);
    await using first = await store.readerAt(digest);
    await using second = await store.readerAt(digest);
    // All readers of a store or none: who takes them asks once.
    assert.equal(typeof first.fd, typeof second.fd);
    await store.delete(digest);
    for (const { fd } of [first, second]) {
      if (fd === undefined) continue;
      const target = Buffer.alloc(1000);
      assert.equal(readSync(fd, target, 0, 1000, 5_000_000), 1000);
      assertBytes(target, large.subarray(5_000_000, 5_001_000));
      assert.equal(readSync(fd, target, 0, 1000, large.length - 10), 10);
    }
  });

  law('a closed reader reads no more; closing it is idempotent', async ({ instance: store }) => {
    const { digest } = await put(store, 'r', small);
    const reader = await store.readerAt(digest);
    await reader[Symbol.asyncDispose]();
    await reader[Symbol.asyncDispose]();
    await expectKind(reader.read(Buffer.alloc(10), 0), 'failed-precondition');
  });
}
