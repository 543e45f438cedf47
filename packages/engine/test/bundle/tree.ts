import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import { dirname, join } from 'node:path';
import { linux } from '@slipway/linux';
import { type RootFiles, rootFiles } from '../../dist/bundle/index.js';

/** A string is a file's content. `size` makes a sparse file, `device` a character device. */
export type TreeEntry =
  | string
  | { readonly content?: string; readonly size?: number; readonly mode?: number }
  | { readonly link: string }
  | { readonly directory: true; readonly mode?: number }
  | { readonly fifo: true }
  | { readonly device: readonly [major: number, minor: number] };

export interface Tree extends Disposable {
  readonly directory: string;
  readonly root: RootFiles;
}

/** A real folder, seen through a real descriptor. */
export function tree(entries: Readonly<Record<string, TreeEntry>>, name?: string): Tree {
  const directory = fs.mkdtempSync(join(os.tmpdir(), 'slipway-tree-'));
  for (const [name, entry] of Object.entries(entries)) make(join(directory, name), entry);
  const fd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  return {
    directory,
    root: rootFiles(linux, fd, name),
    [Symbol.dispose]() {
      fs.closeSync(fd);
      fs.rmSync(directory, { recursive: true });
    },
  };
}

function make(path: string, entry: TreeEntry): void {
  fs.mkdirSync(dirname(path), { recursive: true });
  if (typeof entry === 'string') fs.writeFileSync(path, entry);
  else if ('link' in entry) fs.symlinkSync(entry.link, path);
  else if ('fifo' in entry) execFileSync('mkfifo', [path]);
  else if ('device' in entry) linux.mknod(path, fs.constants.S_IFCHR | 0o666, ...entry.device);
  else if ('directory' in entry) {
    fs.mkdirSync(path, { recursive: true });
    fs.chmodSync(path, entry.mode ?? 0o755);
  } else {
    fs.writeFileSync(path, entry.content ?? '');
    if (entry.size !== undefined) fs.truncateSync(path, entry.size);
    fs.chmodSync(path, entry.mode ?? 0o644);
  }
}

/** The error of this model that `run` throws. */
export function errorOf(run: () => unknown): { kind: string; code: string; message: string; hint?: string } {
  try {
    run();
  } catch (error) {
    const { kind, code, message, hint } = error as { kind: string; code: string; message: string; hint?: string };
    return { kind, code, message, ...(hint === undefined ? {} : { hint }) };
  }
  throw new Error('expected an error');
}
