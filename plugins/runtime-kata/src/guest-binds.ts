import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { type RuntimeMount, wrapError } from '@slipway/plugin-api';
import { cannot } from './refusal.js';
import { guestFolder } from './root-disks.js';
import type { SharedTree } from './shared-trees.js';

/** One message to the agent holds at most 4 MiB. */
const maxFileBytes = 3 * 1024 * 1024;

/** A file of the host's that the guest gets a copy of. */
export interface GuestFile {
  readonly path: string;
  readonly content: Buffer;
  readonly mode: number;
}

/**
 * Sources of binds, as the guest has them: trees that were handed over are seen through the shared file system, and files of the bundle (resolv.conf, hosts, hostname) and read-only ones are copied.
 * Errors: `unimplemented` for what would have to be the host's own and is neither.
 */
export function guestBinds(
  id: string,
  bundle: string,
  mounts: readonly RuntimeMount[],
  trees: readonly SharedTree[],
): { readonly mounts: readonly RuntimeMount[]; readonly files: readonly GuestFile[] } {
  const files: GuestFile[] = [];
  const translated = mounts.map((mount) => {
    if (mount.type !== 'bind') return mount;
    const tree = trees.find(({ directory }) => directory === mount.source);
    if (tree !== undefined) return { ...mount, source: tree.guestPath };
    const copy = copyOf(id, bundle, mount, files.length);
    files.push(copy);
    return { ...mount, source: copy.path };
  });
  return { mounts: translated, files };
}

function copyOf(id: string, bundle: string, { source, destination, options = [] }: RuntimeMount, number: number): GuestFile {
  const fd = openSource(source, destination);
  try {
    const stat = fstatSync(fd);
    const isWritten = !options.includes('ro') && path.dirname(source) !== bundle;
    if (!stat.isFile() || isWritten)
      throw cannot(
        id,
        `the bind of ${JSON.stringify(source)} at ${JSON.stringify(destination)} would need the host's own files, which a virtual machine has not`,
        'hand it over as a tree of the request, or bind it read-only where it is a file',
      );
    const content = readUpTo(fd, maxFileBytes + 1);
    if (content.length > maxFileBytes)
      throw cannot(
        id,
        `the file ${JSON.stringify(source)} has more than ${maxFileBytes} bytes, which cannot be copied into a virtual machine`,
        'put it into a volume',
      );
    return { path: `${guestFolder(id)}/files/${number}`, content, mode: stat.mode & 0o777 };
  } finally {
    closeSync(fd);
  }
}

/** Whoever owns the folder may put a pipe in its place, for which nobody waits. */
function openSource(source: string, destination: string): number {
  try {
    return openSync(source, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw wrapError(`bind of ${JSON.stringify(source)} at ${JSON.stringify(destination)}`, error);
  }
}

/** Whatever its size is said to be. */
function readUpTo(fd: number, most: number): Buffer {
  const parts: Buffer[] = [];
  for (let left = most; left > 0; ) {
    const part = Buffer.alloc(Math.min(left, 64 * 1024));
    const length = readSync(fd, part);
    if (length === 0) break;
    parts.push(part.subarray(0, length));
    left -= length;
  }
  return Buffer.concat(parts);
}
