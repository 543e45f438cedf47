import { mkdtempSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import { expectRecovery } from './crash.ts';
import { makePlace, type Place } from './place.ts';
import { Subject } from './subject.ts';
import { makeTmpfs } from './tmpfs.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;
const disk = makeTmpfs();
afterAll(() => disk[Symbol.dispose]());
const subject = new Subject({ withDataFile: true });
afterAll(() => subject[Symbol.dispose]());

/** With a database: lmdb-js 3 crashes when the first page of a new one cannot be written. */
async function preparedPlace(): Promise<Place> {
  const place = makePlace('', mkdtempSync(path.join(disk.folder, 'disk-')));
  await subject.ask({ work: [{ action: 'list', options: place.options }] });
  return place;
}

const calls = await callsOfPull();
const kinds = ['EIO', 'short', 'ENOSPC'] as const;
// Each commit makes the same few calls: every kind meets each of them.
const faults = Array.from({ length: calls }, (_, index) => ({ nth: index + 1, kind: kinds[index % kinds.length] ?? 'EIO' }));

async function callsOfPull(): Promise<number> {
  using place = await preparedPlace();
  const { reports, dataFileCalls } = await subject.ask({ work: [{ action: 'pull', options: place.options, image }] });
  expect(reports).toMatchObject([{ outcome: 'done' }]);
  return dataFileCalls;
}

describe('a call of lmdb that fails once, or writes a half, while an image is pulled', () => {
  it('is one of many', () => {
    process.stdout.write(`metadata: ${calls} calls on the data file\n`);
    expect(calls).toBeGreaterThan(20);
  });

  it.each(faults)('call $nth on the data file: $kind', async (dataFileFault) => {
    using place = await preparedPlace();
    const work = [{ action: 'pull', options: place.options, image }] as const;
    const { reports, hit } = await subject.ask({ work, dataFileFault });
    const [report] = reports;
    if (report?.outcome === 'failed') {
      const kind = expect.toBeOneOf(['data-loss', 'resource-exhausted']);
      expect(report).toMatchObject({ kind, message: expect.stringContaining('/metadata.v1/lmdb') });
      expect(hit).toBe(true);
    }
    expect((await subject.ask({ work })).reports).toMatchObject([{ outcome: 'done' }]);
    await expectRecovery(place);
  });
});
