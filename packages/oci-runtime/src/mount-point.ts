import { fstatSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What a tree is attached to: a folder, or for a tree that is one file (a bind of it) a file, as the kernel wants it. */
export function makeMountPoint({ fd, directory }: { readonly fd: number; readonly directory: string }): void {
  if (fstatSync(fd).isDirectory()) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return;
  }
  mkdirSync(path.dirname(directory), { recursive: true, mode: 0o700 });
  writeFileSync(directory, '', { flag: 'a', mode: 0o600 });
}
