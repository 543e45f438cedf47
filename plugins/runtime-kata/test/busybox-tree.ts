import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';

/** A root file system of busybox under these names. Returns the folder, which is made if it is not there. */
export function busyboxTree(folder: string, applets: readonly string[]): string {
  for (const name of ['bin', 'proc', 'dev', 'tmp']) mkdirSync(path.join(folder, name), { recursive: true });
  copyFileSync('/bin/busybox', path.join(folder, 'bin/busybox'));
  for (const name of applets) symlinkSync('busybox', path.join(folder, 'bin', name));
  return folder;
}
