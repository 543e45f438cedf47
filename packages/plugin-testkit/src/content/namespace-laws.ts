import assert from 'node:assert/strict';
import type { ContentStore } from '@slipway/plugin-api';
import { assertBytes } from '../assert-bytes.js';
import { expectKind } from '../expect-kind.js';
import { lawsOn } from '../law.js';
import type { LawRunner } from '../law-runner.js';
import type { OpenSubject } from '../subject.js';
import { content, digestOf, expectedOf, large, put, readAll, small, walked } from './bytes.js';

/**
 * The laws of two content stores that are namespaces over one: blobs are kept once, but each namespace sees what was brought in through it.
 * Names in brackets are those of the laws in containerd's suite.
 */
export function contentNamespaceLaws(runner: LawRunner, open: OpenSubject<readonly [ContentStore, ContentStore]>): void {
  const law = lawsOn(runner, open);

  runner.describe('namespaces', () => {
    law('what one brought in is not there in the other (CrossNamespaceIsolate)', async ({ instance: [one, other] }) => {
      const { digest } = await put(one, 'r', small);
      await expectKind(other.info(digest), 'not-found');
      await expectKind(other.readerAt(digest), 'not-found');
      await expectKind(other.update(digest, { a: '1' }), 'not-found');
      await expectKind(other.delete(digest), 'not-found');
      assert.deepEqual(await walked(other), []);
      assertBytes(await readAll(one, digest), small);
    });

    law(
      'what one has, the other has as soon as it asks to write it (CrossNamespaceShare)',
      async ({ instance: [one, other] }) => {
        const expected = expectedOf(large);
        await put(one, 'r', large);
        await expectKind(other.writer({ ref: 'r', expected }), 'already-exists');
        assert.equal((await other.info(expected.digest)).size, large.length);
        assertBytes(await readAll(other, expected.digest), large);
        assert.deepEqual(await other.listStatuses(), []);
      },
    );

    law(
      'what one has can be written again by the other, and more behind it (CrossNamespaceAppend)',
      async ({ instance: [one, other] }) => {
        await put(one, 'r', small);
        const longer = Buffer.concat([small, content(500, 7)]);
        await using writer = await other.writer({ ref: 'r', expected: expectedOf(longer) });
        await writer.write(small);
        await writer.write(longer.subarray(small.length));
        assert.deepEqual(await writer.commit(), expectedOf(longer));
        await expectKind(one.info(digestOf(longer)), 'not-found');
        await using again = await other.writer({ ref: 'r' });
        await again.write(small);
        await expectKind(again.commit({ digest: digestOf(small) }), 'already-exists');
        assertBytes(await readAll(other, digestOf(small)), small);
      },
    );

    law('labels are of one namespace', async ({ instance: [one, other] }) => {
      const { digest } = await put(one, 'r', small);
      await one.update(digest, { of: 'one' });
      await expectKind(other.writer({ ref: 'r', expected: expectedOf(small) }), 'already-exists');
      assert.deepEqual((await other.info(digest)).labels, {});
      await other.update(digest, { of: 'other' });
      assert.deepEqual((await one.info(digest)).labels, { of: 'one' });
    });
  });
}
