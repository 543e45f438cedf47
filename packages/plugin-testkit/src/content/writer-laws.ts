import assert from 'node:assert/strict';
import type { ContentStore } from '@slipway/plugin-api';
import { assertBytes } from '../assert-bytes.js';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { absent, chunks, digestOf, expectedOf, large, put, readAll, sizes, small, walked } from './bytes.js';

/** From the opening of a writer to its commit. */
export function writerLaws(law: Law<ContentStore>): void {
  law('writers of several refs go side by side, each with its own bytes (Writer)', async ({ instance: store }) => {
    const parts = chunks(large, 600_000);
    const writers = await Promise.all([0, 1, 2].map((index) => store.writer({ ref: `r${index}` })));
    for (const part of parts) {
      for (const [index, writer] of writers.entries()) await writer.write(part.subarray(index));
    }
    const statuses = await store.listStatuses();
    assert.deepEqual(statuses.map(({ ref }) => ref).sort(), ['r0', 'r1', 'r2']);
    for (const [index, writer] of writers.entries()) {
      const bytes = Buffer.concat(parts.map((part) => part.subarray(index)));
      assert.deepEqual(await writer.commit(), expectedOf(bytes));
      assertBytes(await readAll(store, digestOf(bytes)), bytes);
    }
    assert.deepEqual(await store.listStatuses(), []);
  });

  law('the status follows what is written (UpdateStatus)', async ({ instance: store, open }) => {
    const expected = expectedOf(large);
    const from = Date.now();
    await using writer = await store.writer({ ref: 'r', expected });
    const opened = await store.status('r');
    assert.deepEqual([opened.ref, opened.offset, opened.total, opened.expected], ['r', 0, large.length, expected.digest]);
    assert.ok(Date.parse(opened.startedAt) >= from - 2000 && Date.parse(opened.startedAt) <= Date.now() + 2000);
    let last = opened.updatedAt;
    for (const chunk of chunks(large, 1_000_000)) {
      await writer.write(chunk);
      const status = await store.status('r');
      assert.deepEqual(writer.status(), status);
      assert.deepEqual(await store.listStatuses(), [status]);
      assert.equal(status.startedAt, opened.startedAt);
      assert.ok(Date.parse(status.updatedAt) >= Date.parse(last), 'updatedAt went back');
      last = status.updatedAt;
    }
    assert.equal(writer.status().offset, large.length);
    // Another store sees what has reached the place, which may be less.
    const elsewhere = await (await open()).instance.status('r');
    assert.ok(elsewhere.offset <= large.length);
    assert.equal(elsewhere.expected, expected.digest);
  });

  law('what is unknown is absent from the status', async ({ instance: store }) => {
    await using writer = await store.writer({ ref: 'r' });
    await writer.write(small);
    const { startedAt, updatedAt } = writer.status();
    assert.deepEqual(writer.status(), { ref: 'r', offset: small.length, startedAt, updatedAt });
    assert.deepEqual(Object.keys(await store.status('r')), Object.keys(writer.status()));
  });

  law('a chunk may be reused as soon as its write is done', async ({ instance: store }) => {
    await using writer = await store.writer({ ref: 'r' });
    const chunk = Buffer.alloc(700_000);
    for (let index = 0; index < 8; index++) {
      await writer.write(chunk.fill(index));
      chunk.fill(0xff);
    }
    const expected = Buffer.concat(Array.from({ length: 8 }, (_, index) => Buffer.alloc(700_000, index)));
    assert.equal((await writer.commit()).digest, digestOf(expected));
  });

  law('chunks of every size make one content', async ({ instance: store }) => {
    await using writer = await store.writer({ ref: 'r' });
    let at = 0;
    for (const size of [0, 1, 2, 65_535, 65_536, 1_048_575, 1_048_576, 1_048_577, 0, large.length]) {
      await writer.write(large.subarray(at, at + size));
      at = Math.min(at + size, large.length);
      assert.equal(writer.status().offset, at);
    }
    assert.deepEqual(await writer.commit(), expectedOf(large));
  });

  law('writes that were not waited for are in order', async ({ instance: store }) => {
    await using writer = await store.writer({ ref: 'r' });
    const writes = chunks(large, 300_001).map((chunk) => writer.write(chunk));
    const committed = await writer.commit({ digest: digestOf(large) });
    await Promise.all(writes);
    assert.equal(committed.size, large.length);
  });

  for (const [what, bytes] of sizes) {
    law(`what was expected on opening is checked on commit (${what})`, async ({ instance: store }) => {
      for (const expected of [
        { digest: absent, size: bytes.length },
        { digest: digestOf(bytes), size: bytes.length + 1 },
      ]) {
        await using writer = await store.writer({ ref: 'r', expected });
        await writer.write(bytes);
        await expectKind(writer.commit(), 'failed-precondition');
        assert.deepEqual(await store.listStatuses(), []);
      }
      assert.deepEqual(await walked(store), []);
    });
  }

  law('what is said on commit stands over what was expected on opening', async ({ instance: store }) => {
    await using writer = await store.writer({ ref: 'r', expected: { digest: absent, size: small.length } });
    await writer.write(small);
    assert.deepEqual(await writer.commit(expectedOf(small)), expectedOf(small));
    await expectKind(store.info(absent), 'not-found');
  });

  law('stops at the expected size + 1', async ({ instance: store }) => {
    await using writer = await store.writer({ ref: 'r', expected: expectedOf(small) });
    await writer.write(small.subarray(0, 600));
    await expectKind(writer.write(Buffer.concat([small.subarray(600), Buffer.of(1)])), 'failed-precondition');
    await writer.write(small.subarray(600));
    await expectKind(writer.write(Buffer.of(1)), 'failed-precondition');
    assert.equal((await writer.commit()).digest, digestOf(small));
  });

  law('committing what is there is already-exists, and the ingest is gone (CommitExists)', async ({ instance: store }) => {
    await put(store, 'a', small);
    const before = await store.info(digestOf(small));
    await using writer = await store.writer({ ref: 'b' });
    await writer.write(small);
    await expectKind(writer.commit(), 'already-exists');
    await expectKind(store.status('b'), 'not-found');
    assert.deepEqual(await store.info(digestOf(small)), before);
    assertBytes(await readAll(store, digestOf(small)), small);
  });

  law('opening a writer for what is there is already-exists, and leaves nothing (CommitExists)', async ({ instance: store }) => {
    await put(store, 'a', small);
    await expectKind(store.writer({ ref: 'c', expected: expectedOf(small) }), 'already-exists');
    assert.deepEqual(await store.listStatuses(), []);
  });

  law('a second writer of an open ref is unavailable; others are not', async ({ instance: store, open }) => {
    await using first = await store.writer({ ref: 'a' });
    for (const other of [store, (await open()).instance]) {
      await expectKind(other.writer({ ref: 'a' }), 'unavailable');
      await expectKind(other.abort('a'), 'unavailable');
    }
    await using other = await store.writer({ ref: 'b' });
    await Promise.all([first.write(small), other.write(large)]);
    await first.commit();
    await other.commit();
    await (await store.writer({ ref: 'a' })).close();
  });
}
