import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type ContentStore, type ContentWriter, type ErrorKind, isSlipwayError } from '@slipway/plugin-api';
import type { LawRunner } from './law-runner.js';

/** One store on a place of its own. */
export interface ContentUnderTest extends AsyncDisposable {
  readonly store: ContentStore;
  /** Closes the store, and opens it again on what it left. */
  reopen(): Promise<ContentStore>;
}

const digestOf = (bytes: Uint8Array, algorithm = 'sha256'): string =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;

/** Bytes of which no two megabytes are alike. */
function content(size: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let index = 0, state = seed; index < size; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

const small = content(1000);
/** More than any buffer of a store. */
const large = content(5_500_000, 2);
const absent = `sha256:${'0'.repeat(64)}`;
const badDigests = [
  'sha256:../../x',
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'a'.repeat(63)}`,
  `md5:${'a'.repeat(32)}`,
  `SHA256:${'a'.repeat(64)}`,
  'a'.repeat(64),
  '',
  '__proto__',
];

/** The laws of {@link ContentStore} that one process can check, for any implementation. `open` gives a fresh, empty store. */
export function contentLaws(runner: LawRunner, open: () => Promise<ContentUnderTest>): void {
  const law = (name: string, body: (store: ContentStore, under: ContentUnderTest) => Promise<void>): void =>
    runner.it(name, async () => {
      await using under = await open();
      await body(under.store, under);
    });

  runner.describe('laws of content.v1', () => {
    for (const [size, bytes] of Object.entries({ empty: Buffer.alloc(0), small, large })) {
      law(`${size} content goes in and comes out`, async (store) => {
        const digest = digestOf(bytes);
        await using writer = await store.writer({ ref: 'r', expected: { digest, size: bytes.length } });
        await writeInChunks(writer, bytes);
        assert.equal(writer.status().offset, bytes.length);
        assert.deepEqual(await writer.commit({ digest, size: bytes.length }), { digest, size: bytes.length });
        assert.deepEqual(await readAll(store, digest), bytes);
        const info = await store.info(digest);
        assert.deepEqual([info.digest, info.size, info.labels], [digest, bytes.length, {}]);
        assert.ok(!Number.isNaN(Date.parse(info.createdAt)));
        await rejectsWith(store.status('r'), 'not-found');
      });
    }

    law('without a digest the sha256 is the name; a sha512 can be asked for early or late', async (store) => {
      assert.deepEqual(await put(store, 'a', small), { digest: digestOf(small), size: small.length });
      const sha512 = digestOf(small, 'sha512');
      await using late = await store.writer({ ref: 'late' });
      await late.write(small);
      assert.deepEqual(await late.commit({ digest: sha512 }), { digest: sha512, size: small.length });
      const expected = { digest: digestOf(large, 'sha512'), size: large.length };
      await using early = await store.writer({ ref: 'early', expected });
      await early.write(large);
      assert.deepEqual(await early.commit(), expected);
      const walked: string[] = [];
      for await (const { digest } of store.walk()) walked.push(digest);
      assert.deepEqual(new Set(walked), new Set([digestOf(small), sha512, expected.digest]));
    });

    law('nothing is visible before the commit', async (store) => {
      await using writer = await store.writer({ ref: 'r' });
      await writer.write(large);
      await rejectsWith(store.info(digestOf(large)), 'not-found');
      await rejectsWith(store.readerAt(digestOf(large)), 'not-found');
      for await (const { digest } of store.walk()) assert.fail(`found ${digest}`);
    });

    law('a chunk may be reused as soon as its write is done', async (store) => {
      await using writer = await store.writer({ ref: 'r' });
      const chunk = Buffer.alloc(700_000);
      for (let index = 0; index < 8; index++) {
        await writer.write(chunk.fill(index));
        chunk.fill(0xff);
      }
      const expected = Buffer.concat(Array.from({ length: 8 }, (_, index) => Buffer.alloc(700_000, index)));
      assert.equal((await writer.commit()).digest, digestOf(expected));
    });

    law('writes that were not waited for are in order', async (store) => {
      await using writer = await store.writer({ ref: 'r' });
      const writes = chunks(large, 300_001).map((chunk) => writer.write(chunk));
      const committed = await writer.commit({ digest: digestOf(large) });
      await Promise.all(writes);
      assert.equal(committed.size, large.length);
    });

    for (const [what, bytes] of Object.entries({ small, large })) {
      law(`a wrong size or digest is failed-precondition, and the ${what} ingest is gone`, async (store) => {
        for (const wrong of [{ size: bytes.length - 1 }, { size: bytes.length + 1 }, { digest: absent }]) {
          await using writer = await store.writer({ ref: 'r' });
          await writer.write(bytes);
          await rejectsWith(writer.commit(wrong), 'failed-precondition');
          await rejectsWith(store.status('r'), 'not-found');
          await rejectsWith(store.info(digestOf(bytes)), 'not-found');
        }
        await put(store, 'r', bytes);
      });

      law(`what was expected on opening is checked on commit (${what})`, async (store) => {
        for (const expected of [
          { digest: absent, size: bytes.length },
          { digest: digestOf(bytes), size: bytes.length + 1 },
        ]) {
          await using writer = await store.writer({ ref: 'r', expected });
          await writer.write(bytes);
          await rejectsWith(writer.commit(), 'failed-precondition');
          assert.deepEqual(await store.listStatuses(), []);
        }
      });
    }

    law('stops at the expected size + 1', async (store) => {
      await using writer = await store.writer({ ref: 'r', expected: { digest: digestOf(small), size: small.length } });
      await writer.write(small.subarray(0, 600));
      await rejectsWith(writer.write(Buffer.concat([small.subarray(600), Buffer.of(1)])), 'failed-precondition');
      await writer.write(small.subarray(600));
      await rejectsWith(writer.write(Buffer.of(1)), 'failed-precondition');
      assert.equal((await writer.commit()).digest, digestOf(small));
    });

    law('committing what is there is already-exists, and the ingest is gone', async (store) => {
      await put(store, 'a', small);
      await using writer = await store.writer({ ref: 'b' });
      await writer.write(small);
      await rejectsWith(writer.commit(), 'already-exists');
      await rejectsWith(store.status('b'), 'not-found');
      assert.deepEqual(await readAll(store, digestOf(small)), small);
      await rejectsWith(store.writer({ ref: 'c', expected: { digest: digestOf(small), size: small.length } }), 'already-exists');
      assert.deepEqual(await store.listStatuses(), []);
    });

    law('a second writer of an open ref is unavailable; others are not', async (store) => {
      await using first = await store.writer({ ref: 'a' });
      await rejectsWith(store.writer({ ref: 'a' }), 'unavailable');
      await rejectsWith(store.abort('a'), 'unavailable');
      await using other = await store.writer({ ref: 'b' });
      await Promise.all([first.write(small), other.write(large)]);
      await first.commit();
      await other.commit();
      await (await store.writer({ ref: 'a' })).close();
    });

    for (const [what, at] of Object.entries({ 'in the first buffer': 400_000, 'far behind it': 3_333_333 })) {
      law(`close keeps progress ${what}, for this store and the next`, async (store, under) => {
        const expected = { digest: digestOf(large), size: large.length };
        {
          await using writer = await store.writer({ ref: 'r', expected });
          await writer.write(large.subarray(0, at));
        }
        const status = await store.status('r');
        assert.deepEqual([status.ref, status.offset, status.total, status.expected], ['r', at, large.length, expected.digest]);
        assert.deepEqual(await store.listStatuses(), [status]);
        const again = await under.reopen();
        await using writer = await again.writer({ ref: 'r', expected });
        assert.equal(writer.status().offset, at);
        assert.equal(writer.status().startedAt, status.startedAt);
        await writer.write(large.subarray(at));
        await writer.commit();
        assert.deepEqual(await readAll(again, expected.digest), large);
      });
    }

    law('a resumed ingest of other bytes is caught', async (store) => {
      await using first = await store.writer({ ref: 'r' });
      await first.write(large.subarray(1, 2_000_001));
      await first.close();
      await using second = await store.writer({ ref: 'r' });
      await second.write(large.subarray(2_000_000));
      await rejectsWith(second.commit({ digest: digestOf(large) }), 'failed-precondition');
    });

    law('progress towards other content is not resumed', async (store) => {
      await using first = await store.writer({ ref: 'r', expected: { digest: absent, size: 5000 } });
      await first.write(small);
      await first.close();
      await using second = await store.writer({ ref: 'r', expected: { digest: digestOf(small), size: small.length } });
      assert.equal(second.status().offset, 0);
      await second.write(small);
      await second.commit();
    });

    for (const at of [500, 2_500_000]) {
      law(`truncate begins anew after ${at} bytes, also in a resumed ingest`, async (store) => {
        await using first = await store.writer({ ref: 'r' });
        await first.write(large.subarray(0, at));
        await first.truncate();
        assert.equal(first.status().offset, 0);
        await first.write(large.subarray(0, at));
        await first.close();
        await using second = await store.writer({ ref: 'r' });
        await second.truncate();
        assert.equal(second.status().offset, 0);
        await writeInChunks(second, large);
        assert.deepEqual(await second.commit(), { digest: digestOf(large), size: large.length });
      });
    }

    law('commit closes the writer, whatever comes of it; closing is idempotent', async (store) => {
      for (const expected of [{}, { digest: absent }, { digest: 'sha256:../../x' }]) {
        const writer = await store.writer({ ref: 'r' });
        await writer.write(small);
        await writer.commit(expected).catch(() => {});
        await rejectsWith(writer.write(small), 'failed-precondition');
        await rejectsWith(writer.commit(), 'failed-precondition');
        await writer.close();
        await writer.close();
        await writer[Symbol.asyncDispose]();
        await (await store.writer({ ref: 'r' })).close();
      }
    });

    law('a digest is checked for its form before anything is done with it', async (store) => {
      for (const digest of badDigests) {
        await rejectsWith(store.info(digest), 'invalid-argument');
        await rejectsWith(store.readerAt(digest), 'invalid-argument');
        await rejectsWith(store.delete(digest), 'invalid-argument');
        await rejectsWith(store.writer({ ref: 'r', expected: { digest, size: 1 } }), 'invalid-argument');
        const writer = await store.writer({ ref: 'r' });
        await rejectsWith(writer.commit({ digest }), 'invalid-argument');
      }
    });

    law('sizes and refs are checked', async (store) => {
      for (const size of [-1, 1.5, 2 ** 53, Number.NaN]) {
        await rejectsWith(store.writer({ ref: 'r', expected: { digest: absent, size } }), 'invalid-argument');
      }
      for (const ref of ['', 'x'.repeat(513)]) await rejectsWith(store.writer({ ref }), 'invalid-argument');
      for (const ref of ['../../x', '/', '.', 'a\0b', '--flag', '__proto__', 'é'.repeat(512)]) {
        await (await store.writer({ ref })).close();
        assert.equal((await store.status(ref)).ref, ref);
        await store.abort(ref);
      }
    });

    law('abort drops an ingest', async (store) => {
      await rejectsWith(store.abort('r'), 'not-found');
      await using writer = await store.writer({ ref: 'r' });
      await writer.write(large);
      await writer.close();
      await store.abort('r');
      await rejectsWith(store.status('r'), 'not-found');
      await rejectsWith(store.abort('r'), 'not-found');
      await using next = await store.writer({ ref: 'r' });
      assert.equal(next.status().offset, 0);
    });

    law('a deleted blob is gone; an open reader goes on', async (store) => {
      const { digest } = await put(store, 'r', large);
      await using reader = await store.readerAt(digest);
      await store.delete(digest);
      await rejectsWith(store.info(digest), 'not-found');
      await rejectsWith(store.delete(digest), 'not-found');
      const target = Buffer.alloc(100);
      assert.equal(await reader.read(target, 4_000_000), 100);
      assert.deepEqual(target, large.subarray(4_000_000, 4_000_100));
      await put(store, 'r', large);
    });

    law('reads anywhere; less only at the end', async (store) => {
      const { digest } = await put(store, 'r', small);
      const reader = await store.readerAt(digest);
      const target = Buffer.alloc(300);
      assert.equal(reader.size, small.length);
      assert.equal(await reader.read(target, 800), 200);
      assert.deepEqual(target.subarray(0, 200), small.subarray(800));
      assert.equal(await reader.read(target, 1000), 0);
      assert.equal(await reader.read(target, 5000), 0);
      await reader[Symbol.asyncDispose]();
      await reader[Symbol.asyncDispose]();
      await rejectsWith(reader.read(target, 0), 'failed-precondition');
    });

    law('many writers at once', async (store) => {
      const all = Array.from({ length: 12 }, (_, index) => content(1_500_000 + index * 1000, index + 10));
      const committed = await Promise.all(all.map((bytes, index) => put(store, `r${index}`, bytes)));
      assert.deepEqual(
        committed.map(({ digest }) => digest),
        all.map((bytes) => digestOf(bytes)),
      );
      assert.deepEqual(await store.listStatuses(), []);
    });

    law('of many that commit one content at once, one wins', async (store) => {
      const results = await Promise.allSettled(Array.from({ length: 8 }, (_, index) => put(store, `r${index}`, small)));
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.kind, 'already-exists');
      assert.deepEqual(await store.listStatuses(), []);
    });
  });
}

async function put(store: ContentStore, ref: string, bytes: Uint8Array): Promise<{ digest: string; size: number }> {
  await using writer = await store.writer({ ref });
  await writeInChunks(writer, bytes);
  return await writer.commit();
}

function chunks(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

async function writeInChunks(writer: ContentWriter, bytes: Uint8Array): Promise<void> {
  for (const chunk of chunks(bytes, 65_537)) await writer.write(chunk);
}

async function readAll(store: ContentStore, digest: string): Promise<Buffer> {
  await using reader = await store.readerAt(digest);
  const bytes = Buffer.alloc(reader.size);
  assert.equal(await reader.read(bytes, 0), reader.size);
  return bytes;
}

async function rejectsWith(promise: Promise<unknown>, kind: ErrorKind): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isSlipwayError(error), `found ${String(error)}, expected a SlipwayError`);
    assert.equal(error.kind, kind);
    return true;
  });
}
