import assert from 'node:assert/strict';
import type { ContentStore, ContentWriter } from '@slipway/plugin-api';
import { assertBytes } from '../assert-bytes.js';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { absent, chunks, digestOf, expectedOf, large, put, readAll, small, writeInChunks } from './bytes.js';

/** How a resumed writer is given the rest, by what its source can do. */
const sources: readonly {
  readonly name: string;
  copy(writer: ContentWriter, store: ContentStore): Promise<void>;
}[] = [
  {
    name: 'that can only be read from its start (ResumeCopy, ResumeDiscard)',
    async copy(writer) {
      let position = 0;
      for (const chunk of chunks(large, 70_001)) {
        const fresh = chunk.subarray(Math.min(chunk.length, Math.max(0, writer.status().offset - position)));
        position += chunk.length;
        if (fresh.length > 0) await writer.write(fresh);
      }
    },
  },
  {
    name: 'that can start in the middle (ResumeCopySeekable)',
    copy: (writer) => writeInChunks(writer, large.subarray(writer.status().offset)),
  },
  {
    name: 'that is read by position (ResumeCopyReaderAt)',
    async copy(writer, store) {
      await using reader = await store.readerAt((await put(store, 'source', large.subarray(0, -1))).digest);
      const buffer = Buffer.alloc(80_000);
      for (;;) {
        const count = await reader.read(buffer, writer.status().offset);
        if (count === 0) break;
        await writer.write(buffer.subarray(0, count));
      }
      await writer.write(large.subarray(-1));
    },
  },
];

/** Progress that outlives its writer. */
export function resumeLaws(law: Law<ContentStore>): void {
  for (const [what, at] of [
    ['before the first byte', 0],
    ['in the first buffer', 400_000],
    ['far behind it', 3_333_333],
    ['at the end', large.length],
  ] as const) {
    law(`close keeps progress ${what}, for this store and the next (Resume)`, async ({ instance: store, reopen }) => {
      const expected = expectedOf(large);
      {
        await using writer = await store.writer({ ref: 'r', expected });
        await writer.write(large.subarray(0, at));
      }
      const status = await store.status('r');
      assert.deepEqual([status.ref, status.offset, status.total, status.expected], ['r', at, large.length, expected.digest]);
      assert.deepEqual(await store.listStatuses(), [status]);
      const { instance: again } = await reopen();
      assert.deepEqual(await again.listStatuses(), [status]);
      await using writer = await again.writer({ ref: 'r', expected });
      assert.equal(writer.status().offset, at);
      assert.equal(writer.status().startedAt, status.startedAt);
      await writer.write(large.subarray(at));
      await writer.commit();
      assertBytes(await readAll(again, expected.digest), large);
    });
  }

  for (const { name, copy } of sources) {
    law(`an ingest is resumed from a source ${name}`, async ({ instance: store }) => {
      const first = await store.writer({ ref: 'r' });
      await first.write(large.subarray(0, 1_234_567));
      await first.close();
      await using second = await store.writer({ ref: 'r', expected: expectedOf(large) });
      await copy(second, store);
      assert.deepEqual(await second.commit(), expectedOf(large));
    });
  }

  law('what is expected may be said when it is resumed', async ({ instance: store }) => {
    const first = await store.writer({ ref: 'r' });
    await first.write(small.subarray(0, 300));
    await first.close();
    const second = await store.writer({ ref: 'r', expected: expectedOf(small) });
    assert.equal(second.status().offset, 300);
    assert.equal(second.status().total, small.length);
    await second.close();
    const third = await store.writer({ ref: 'r' });
    assert.deepEqual([third.status().offset, third.status().expected], [300, digestOf(small)]);
    await third.write(small.subarray(300));
    assert.deepEqual(await third.commit(), expectedOf(small));
  });

  law('a resumed ingest of other bytes is caught', async ({ instance: store }) => {
    await using first = await store.writer({ ref: 'r' });
    await first.write(large.subarray(1, 2_000_001));
    await first.close();
    await using second = await store.writer({ ref: 'r' });
    await second.write(large.subarray(2_000_000));
    await expectKind(second.commit({ digest: digestOf(large) }), 'failed-precondition');
  });

  law('progress towards other content is not resumed', async ({ instance: store }) => {
    await using first = await store.writer({ ref: 'r', expected: { digest: absent, size: 5000 } });
    await first.write(small);
    await first.close();
    await using second = await store.writer({ ref: 'r', expected: expectedOf(small) });
    assert.equal(second.status().offset, 0);
    await second.write(small);
    await second.commit();
  });

  for (const at of [500, 2_500_000]) {
    law(`truncate begins anew after ${at} bytes, also in a resumed ingest (ResumeTruncate)`, async ({ instance: store }) => {
      await using first = await store.writer({ ref: 'r' });
      await first.write(large.subarray(0, at));
      await first.truncate();
      assert.equal(first.status().offset, 0);
      await first.write(large.subarray(0, at));
      await first.close();
      await using second = await store.writer({ ref: 'r' });
      assert.equal(second.status().offset, at);
      await second.truncate();
      assert.equal(second.status().offset, 0);
      await writeInChunks(second, large);
      assert.deepEqual(await second.commit(), expectedOf(large));
    });
  }

  law('abort drops an ingest', async ({ instance: store }) => {
    await using writer = await store.writer({ ref: 'r' });
    await writer.write(large);
    await writer.close();
    await store.abort('r');
    await expectKind(store.status('r'), 'not-found');
    assert.deepEqual(await store.listStatuses(), []);
    await using next = await store.writer({ ref: 'r' });
    assert.equal(next.status().offset, 0);
  });

  law('what a disposed store had open can be resumed', async ({ instance: store, reopen }) => {
    const writer = await store.writer({ ref: 'r' });
    await writer.write(large.subarray(0, 2_000_000));
    const { instance: again } = await reopen();
    await expectKind(writer.write(small), 'failed-precondition');
    await using resumed = await again.writer({ ref: 'r' });
    assert.equal(resumed.status().offset, 2_000_000);
    await resumed.write(large.subarray(2_000_000));
    assert.deepEqual(await resumed.commit(), expectedOf(large));
  });
}
