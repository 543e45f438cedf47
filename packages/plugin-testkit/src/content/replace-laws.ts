import assert from 'node:assert/strict';
import type { ContentStore } from '@slipway/plugin-api';
import { assertBytes } from '../assert-bytes.js';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { digestOf, expectedOf, large, put, readAll, sizes, small, walked, writeInChunks } from './bytes.js';

/** Capability `replace`. */
export function replaceLaws(law: Law<ContentStore>, replaces: boolean): void {
  if (!replaces) {
    law('without the capability "replace" what is there is already-exists', async ({ instance: store }) => {
      await put(store, 'r', small);
      await expectKind(store.writer({ ref: 'r', expected: expectedOf(small), replace: true }), 'already-exists');
      assert.deepEqual(await store.listStatuses(), []);
    });
    return;
  }

  for (const [what, bytes] of sizes) {
    law(`what is replaced is there at every moment (${what})`, async ({ instance: store }) => {
      const expected = expectedOf(bytes);
      await put(store, 'r', bytes);
      await using reader = await store.readerAt(expected.digest);
      await using writer = await store.writer({ ref: 'r', expected, replace: true });
      await writeInChunks(writer, bytes);
      assertBytes(await readAll(store, expected.digest), bytes);
      assert.deepEqual(await writer.commit(), expected);
      assertBytes(await readAll(store, expected.digest), bytes);
      assert.equal((await walked(store)).length, 1);
      assert.deepEqual(await store.listStatuses(), []);
      const target = Buffer.alloc(10);
      await reader.read(target, 0);
      assertBytes(target, bytes.subarray(0, 10));
    });
  }

  law('what replaces is verified: anything else leaves what was there', async ({ instance: store }) => {
    const expected = expectedOf(small);
    await put(store, 'r', small);
    await using writer = await store.writer({ ref: 'r', expected, replace: true });
    await writer.write(small.subarray(1));
    await expectKind(writer.commit(), 'failed-precondition');
    assertBytes(await readAll(store, expected.digest), small);
    assert.deepEqual(await store.listStatuses(), []);
  });

  law('what is not there is brought in, and no other blob is replaced', async ({ instance: store }) => {
    const expected = expectedOf(large);
    await using writer = await store.writer({ ref: 'r', expected, replace: true });
    await writer.write(large);
    assert.deepEqual(await writer.commit(), expected);
    assertBytes(await readAll(store, digestOf(large)), large);
    await expectKind(store.writer({ ref: 'r', expected }), 'already-exists');
  });
}
