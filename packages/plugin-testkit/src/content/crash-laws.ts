import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { type ContentStore, type ErrorKind, isKind } from '@slipway/plugin-api';
import { assertBytes } from '../assert-bytes.js';
import { allResults } from '../children/child-process.js';
import type { Law } from '../law.js';
import { namesBelow } from '../names-below.js';
import { assertWhole, content, digestOf, expectedOf, put, readAll } from './bytes.js';
import type { ContentOperation } from './operator.js';

/** All that changes a store, with content that is small or larger than any buffer. */
const work = (size: number): readonly ContentOperation[] => [
  ['put', 'r', size, 1],
  ['write', 'left', size, 2, Math.floor(size / 2)],
  ['abort', 'left'],
  ['delete', digestOf(content(size, 1))],
];

/** What no killed process has to do with. */
const bystanding = content(777, 5);

/** What is there after kill -9: whole or not at all, and a retry works. */
export function crashLaws(law: Law<ContentStore>, steps: readonly string[]): void {
  for (const step of steps) {
    for (const size of [1000, 5_000_000]) {
      law(
        `after ${step} with ${size} bytes leaves no wrong blob, and a retry works`,
        async ({ instance: store, root, start }) => {
          const bystander = await put(store, 'bystander', bystanding);
          const before = namesBelow(root);
          const child = start(work(size), { step, signal: 'SIGKILL' });
          assert.equal((await child.result).signal, 'SIGKILL', `the step "${step}" was not announced`);
          await assertWhole(store);
          for (const { ref, offset } of await store.listStatuses()) {
            assert.ok(offset <= size, `ingest "${ref}" has ${offset} bytes`);
          }
          assertBytes(await readAll(store, bystander.digest), bystanding);
          // What was left of each is a prefix of it: the retry would be refused otherwise.
          await retry(store, 'r', content(size, 1));
          await retry(store, 'left', content(size, 2));
          assert.deepEqual(await store.listStatuses(), []);
          assert.deepEqual(namesBelow(root), before);
        },
      );
    }
  }

  law('at any moment of several processes leaves no wrong blob, and a retry works', async ({ instance: store, root, start }) => {
    const size = 2_500_000;
    const both = [content(size, 1), content(size, 2)];
    const digests = both.map((bytes) => digestOf(bytes));
    await put(store, 'bystander', bystanding);
    const before = namesBelow(root);
    for (let round = 0; round < 4; round++) {
      const children = [0, 1, 2].map((seed) =>
        start(
          Array.from({ length: 200 }, (_, i): ContentOperation[] => [
            ['put', `r${(i + seed) % 3}`, size, (i % 2) + 1],
            ['delete', digests[i % 2] ?? ''],
            ['write', `r${i % 3}`, size, 1, 1_700_000],
          ]).flat(),
        ),
      );
      await Promise.all(children.map((child) => child.said(1)));
      await setTimeout(Math.random() * 400);
      for (const child of children) child.kill('SIGKILL');
      await allResults(children);
      await assertWhole(store);
    }
    for (const ref of ['r0', 'r1', 'r2']) {
      // Who resumes with other content than was left is refused once, and nothing is left then.
      for (const bytes of both) {
        await store.delete(digestOf(bytes)).catch(unless('not-found'));
        await put(store, ref, bytes, expectedOf(bytes)).catch(unless('failed-precondition'));
        await retry(store, ref, bytes);
      }
    }
    assert.deepEqual(await store.listStatuses(), []);
    assert.deepEqual(namesBelow(root), before);
  });
}

/** Brings content in, whatever was left of it, and deletes it. */
async function retry(store: ContentStore, ref: string, bytes: Buffer): Promise<void> {
  await store.delete(digestOf(bytes)).catch(unless('not-found'));
  assert.deepEqual(await put(store, ref, bytes, expectedOf(bytes)), expectedOf(bytes));
  assertBytes(await readAll(store, digestOf(bytes)), bytes);
  await store.delete(digestOf(bytes));
}

const unless =
  (kind: ErrorKind) =>
  (error: unknown): void => {
    if (!isKind(error, kind)) throw error;
  };
