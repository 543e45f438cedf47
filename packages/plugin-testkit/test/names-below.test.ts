import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { namesBelow } from '../dist/names-below.js';

test('names below a folder: bytes as they are, and nothing behind a symbolic link', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-names-'));
  try {
    const [inside, outside] = [path.join(folder, 'inside'), path.join(folder, 'outside')];
    mkdirSync(path.join(inside, 'dir'), { recursive: true });
    mkdirSync(path.join(outside, 'secret'), { recursive: true });
    symlinkSync(outside, path.join(inside, 'dir/link'));
    symlinkSync('.', path.join(inside, 'loop'));
    writeFileSync(Buffer.concat([Buffer.from(`${inside}/dir/`), Buffer.from([0xff, 0x0a])]), '');
    expect(namesBelow(inside)).toEqual(['dir', 'dir/link', 'dir/\xff\n', 'loop'].sort());
    expect(namesBelow(path.join(folder, 'nowhere'))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
