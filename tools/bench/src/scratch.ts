import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const SIZE = 40 * 2 ** 30;

/**
 * An ext4 of its own, with a journal, in a sparse file. A file system without one creates files several times slower after deletions, which would
 * drown every comparison; nothing is deleted here until the whole of it goes.
 */
export function scratchFileSystem(): { readonly folder: string } & Disposable {
  const base = mkdtempSync(path.join(tmpdir(), 'slipway-bench-'));
  const image = path.join(base, 'ext4');
  const folder = path.join(base, 'fs');
  writeFileSync(image, '');
  truncateSync(image, SIZE);
  mkdirSync(folder);
  execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
  execFileSync('mount', ['-o', 'loop', image, folder]);
  return {
    folder,
    [Symbol.dispose]: () => {
      for (const mount of mountsBelow(folder)) execFileSync('umount', [mount]);
      rmSync(base, { recursive: true, force: true });
    },
  };
}

/** The folder's own mount and those in it, innermost first. */
export function mountsBelow(folder: string): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point === folder || point.startsWith(`${folder}/`)).reverse();
}
