import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import { makePlace, type Place } from './place.ts';

export interface Tmpfs extends Disposable {
  readonly folder: string;
}

/** A file system of its own: of that size, or fast. */
export function makeTmpfs(...options: string[]): Tmpfs {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-e2e-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', ['mode=0700', ...options].join(), 'tmpfs', folder], { stdio: 'pipe' });
  return {
    folder,
    [Symbol.dispose]: () => {
      execFileSync('umount', [folder], { stdio: 'pipe' });
      rmdirSync(folder);
    },
  };
}

/** Makes places whose roots are in memory, for tests of a file whose point is not the disk: most of their time would be fsync and the deleting of files. */
export function placesInMemory(): (config?: string) => Place {
  const disk = makeTmpfs();
  afterAll(() => disk[Symbol.dispose]());
  return (config = '') => makePlace(config, mkdtempSync(path.join(disk.folder, 'disk-')));
}
