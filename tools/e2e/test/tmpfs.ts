import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

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
