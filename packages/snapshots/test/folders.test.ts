import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import { claimFolder, makeFolder } from '@slipway/snapshots';
import { describe, expect, it } from 'vitest';
import { tempFolder } from './temp.ts';

describe('a folder’s lock', () => {
  it('is one holder’s, and free after it', () => {
    const path = join(tempFolder(), '1');
    {
      using made = makeFolder(linux, path);
      expect(made?.path).toBe(path);
      expect(claimFolder(linux, path)).toBeUndefined();
    }
    using claimed = claimFolder(linux, path);
    expect(claimed?.path).toBe(path);
  });

  it('is not to be had for a name that is taken or gone', () => {
    const top = tempFolder();
    mkdirSync(join(top, '1'));
    expect(makeFolder(linux, join(top, '1'))).toBeUndefined();
    expect(claimFolder(linux, join(top, '2'))).toBeUndefined();
  });

  it('is lost when somebody took the folder away before it was locked', () => {
    const path = join(tempFolder(), '1');
    const replacing = {
      ...linux,
      tryFlock: (fd: number, mode: 'exclusive' | 'shared') => {
        rmSync(path, { recursive: true });
        mkdirSync(path);
        return linux.tryFlock(fd, mode);
      },
    };
    expect(makeFolder(replacing, path)).toBeUndefined();
  });
});
