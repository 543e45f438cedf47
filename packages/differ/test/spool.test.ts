import { closeSync } from 'node:fs';
import { linux } from '@slipway/linux';
import type { ContentReader } from '@slipway/plugin-api';
import { expect, test } from 'vitest';
import { spool } from '../dist/spool.js';

/** Zeros, as many as are said. */
const zeros = (size: number): ContentReader => ({
  size,
  read: (target, position) => Promise.resolve(Math.min(target.length, size - position)),
  [Symbol.asyncDispose]: () => Promise.resolve(),
});

test('a blob that fills the disk is an error, not a shorter blob', async () => {
  const disk = linux.mountDetached([{ kind: 'generic', fstype: 'tmpfs', source: 'small', flags: [], data: { size: '1280k' } }]);
  try {
    const folder = `/proc/self/fd/${disk}`;
    // The last part is written short, and none comes after it to fail.
    await expect(spool(zeros(3 << 19), folder, undefined)).rejects.toMatchObject({ code: 'ENOSPC' });
    await using file = await spool(zeros(5 << 18), folder, undefined);
    expect((await file.stat()).size).toBe(5 << 18);
  } finally {
    closeSync(disk);
  }
});
