import assert from 'node:assert/strict';
import type { ContentStore } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { absent, digestOf, put, sizes, small, walked } from './bytes.js';

const badDigests = [
  'sha256:../../x',
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'a'.repeat(63)}`,
  `sha256:${'a'.repeat(64)}\n`,
  `sha512:${'a'.repeat(64)}`,
  `md5:${'a'.repeat(32)}`,
  `SHA256:${'a'.repeat(64)}`,
  'a'.repeat(64),
  '',
  '__proto__',
];

/** What is refused, with which kind, and what is left then. */
export function failureLaws(law: Law<ContentStore>): void {
  law('what is not there is not-found', async ({ instance: store }) => {
    for (const digest of [absent, `sha512:${'0'.repeat(128)}`]) {
      await expectKind(store.info(digest), 'not-found');
      await expectKind(store.readerAt(digest), 'not-found');
      await expectKind(store.delete(digest), 'not-found');
    }
    await expectKind(store.status('r'), 'not-found');
    await expectKind(store.abort('r'), 'not-found');
    assert.deepEqual(await store.listStatuses(), []);
    assert.deepEqual(await walked(store), []);
  });

  for (const [what, bytes] of sizes) {
    law(`a wrong size or digest is failed-precondition, and the ${what} ingest is gone`, async ({ instance: store }) => {
      for (const wrong of [{ size: bytes.length - 1 }, { size: bytes.length + 1 }, { digest: absent }]) {
        await using writer = await store.writer({ ref: 'r' });
        await writer.write(bytes);
        await expectKind(writer.commit(wrong), 'failed-precondition');
        await expectKind(store.status('r'), 'not-found');
        assert.deepEqual(await walked(store), []);
      }
      await put(store, 'r', bytes);
    });
  }

  law('commit closes the writer, whatever comes of it (CommitErrorState)', async ({ instance: store }) => {
    for (const expected of [{}, { digest: absent }, { size: 1 }, { digest: 'sha256:../../x' }, {}]) {
      const writer = await store.writer({ ref: 'r' });
      await writer.truncate();
      await writer.write(small);
      await writer.commit(expected).catch(() => undefined);
      await expectKind(writer.write(small), 'failed-precondition');
      await expectKind(writer.truncate(), 'failed-precondition');
      await expectKind(writer.commit(), 'failed-precondition');
      assert.equal(writer.status().ref, 'r');
      await (await store.writer({ ref: 'r' })).close();
    }
  });

  law('closing a writer is idempotent, also after its commit', async ({ instance: store }) => {
    const committed = await store.writer({ ref: 'r' });
    await committed.write(small);
    await committed.commit();
    const closed = await store.writer({ ref: 'other' });
    for (const writer of [committed, closed]) {
      await writer.close();
      await writer.close();
      await writer[Symbol.asyncDispose]();
      await expectKind(writer.write(small), 'failed-precondition');
    }
    assert.equal((await store.status('other')).offset, 0);
  });

  law('closing a writer twice does not touch the next one', async ({ instance: store }) => {
    const first = await store.writer({ ref: 'r' });
    await first.close();
    await using second = await store.writer({ ref: 'r' });
    await first.close();
    await second.write(small);
    assert.equal((await second.commit()).digest, digestOf(small));
  });

  law('a digest is checked for its form before anything is done with it', async ({ instance: store }) => {
    for (const digest of badDigests) {
      await expectKind(store.info(digest), 'invalid-argument');
      await expectKind(store.update(digest, {}), 'invalid-argument');
      await expectKind(store.readerAt(digest), 'invalid-argument');
      await expectKind(store.delete(digest), 'invalid-argument');
      await expectKind(store.writer({ ref: 'r', expected: { digest, size: 1 } }), 'invalid-argument');
      const writer = await store.writer({ ref: 'r' });
      await expectKind(writer.commit({ digest }), 'invalid-argument');
    }
  });

  law('sizes are checked', async ({ instance: store }) => {
    for (const size of [-1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expectKind(store.writer({ ref: 'r', expected: { digest: absent, size } }), 'invalid-argument');
    }
    assert.deepEqual(await store.listStatuses(), []);
  });

  law('refs are opaque: 1 to 512 characters of any kind', async ({ instance: store }) => {
    const odd = ['../../x', '/', '.', '..', 'a\0b', 'a\nb', '--flag', '__proto__', 'é'.repeat(512), 'x', 'X'];
    for (const ref of odd) await (await store.writer({ ref })).close();
    assert.deepEqual((await store.listStatuses()).map(({ ref }) => ref).sort(), [...odd].sort());
    for (const ref of odd) {
      assert.equal((await store.status(ref)).ref, ref);
      await store.abort(ref);
    }
    for (const ref of ['', 'x'.repeat(513), '\uD800']) {
      await expectKind(store.writer({ ref }), 'invalid-argument');
      await expectKind(store.status(ref), 'invalid-argument');
      await expectKind(store.abort(ref), 'invalid-argument');
    }
  });
}
