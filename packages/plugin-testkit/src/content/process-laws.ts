import assert from 'node:assert/strict';
import type { ContentStore } from '@slipway/plugin-api';
import { assertBytes } from '../assert-bytes.js';
import { allResults } from '../children/child-process.js';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { content, digestOf, expectedOf, put, readAll, walked } from './bytes.js';
import type { ContentOperation } from './operator.js';

const size = 3_000_000;

/** Several processes on one root. */
export function processLaws(law: Law<ContentStore>): void {
  law('the writer of another process makes a ref unavailable, until that process dies', async ({ instance: store, start }) => {
    const bytes = content(size);
    await using child = start<ContentOperation | 'stop'>([['hold', 'r', size, 1, 2_500_000], 'stop']);
    await child.stopped();
    await expectKind(store.writer({ ref: 'r' }), 'unavailable');
    await expectKind(store.abort('r'), 'unavailable');
    assert.deepEqual(
      (await store.listStatuses()).map(({ ref }) => ref),
      ['r'],
    );
    assert.ok((await store.status('r')).offset <= 2_500_000);
    await (await store.writer({ ref: 'another' })).close();
    child.kill('SIGKILL');
    await child.result;
    await using writer = await store.writer({ ref: 'r' });
    assert.ok(writer.status().offset <= 2_500_000);
    await writer.write(bytes.subarray(writer.status().offset));
    assert.deepEqual(await writer.commit(), expectedOf(bytes));
  });

  law('what another process committed is there at once, and what it left is resumed', async ({ instance: store, start }) => {
    const [whole, half] = [content(size, 1), content(size, 2)];
    const child = start<ContentOperation>([
      ['put', 'a', size, 1],
      ['write', 'b', size, 2, 2_222_222],
    ]);
    assert.deepEqual((await child.result).outcomes, ['done', 'done']);
    assertBytes(await readAll(store, digestOf(whole)), whole);
    await using writer = await store.writer({ ref: 'b', expected: expectedOf(half) });
    assert.equal(writer.status().offset, 2_222_222);
    await writer.write(half.subarray(2_222_222));
    assert.deepEqual(await writer.commit(), expectedOf(half));
  });

  law('what another process deleted is gone; an open reader goes on', async ({ instance: store, start }) => {
    const bytes = content(size);
    const { digest } = await put(store, 'r', bytes);
    await using reader = await store.readerAt(digest);
    assert.deepEqual((await start<ContentOperation>([['delete', digest]]).result).outcomes, ['done']);
    await expectKind(store.info(digest), 'not-found');
    const target = Buffer.alloc(100);
    await reader.read(target, 2_000_000);
    assertBytes(target, bytes.subarray(2_000_000, 2_000_100));
  });

  for (const [what, refOf] of [
    ['one ref', () => 'r'],
    ['a ref each', (index: number) => `r${index}`],
  ] as const) {
    law(`processes that bring one content by ${what} at the same moment make one blob`, async ({ instance: store, start }) => {
      const digest = digestOf(content(size));
      for (let round = 0; round < 3; round++) {
        const children = Array.from({ length: 4 }, (_, index) =>
          start<ContentOperation>(Array.from({ length: 3 }, () => ['put', refOf(index), size, 1] as const)),
        );
        const outcomes = (await allResults(children)).flatMap((result) => result.outcomes);
        const lost = what === 'one ref' ? ['already-exists', 'unavailable'] : ['already-exists'];
        assert.deepEqual(
          outcomes.filter((outcome) => !lost.includes(outcome)),
          ['done'],
        );
        assert.deepEqual(
          (await walked(store)).map((info) => info.digest),
          [digest],
        );
        assert.deepEqual(await store.listStatuses(), []);
        await store.delete(digest);
      }
    });
  }
}
