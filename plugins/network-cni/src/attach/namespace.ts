import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { linux } from '@slipway/linux';
import { invalid } from '../errors.js';

/** NSFS_MAGIC of linux/magic.h. */
const nsfs = 0x6e736673;

export interface NamespacePlace {
  readonly path: string;
  readonly inode: number;
}

/** Checks that the path opens a network namespace that is not this process's own. Errors: `invalid-argument`. */
export function namespaceAt(what: string, path: string): NamespacePlace {
  const inode = inodeOf(path);
  if (inode === undefined) throw invalid(what, `${JSON.stringify(path)} is no namespace`);
  if (inode === statSync('/proc/self/ns/net').ino)
    throw invalid(what, `${JSON.stringify(path)} is the network namespace of the host`);
  // Plugins are other processes.
  return { path: path.replace(/^\/proc\/(self|thread-self)\//, `/proc/${process.pid}/`), inode };
}

/** Whether that namespace is still to be found there. */
export function isStillThere({ path, inode }: NamespacePlace): boolean {
  return inodeOf(path) === inode;
}

function inodeOf(path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    return linux.statfs(`/proc/self/fd/${fd}`).type === nsfs ? fstatSync(fd).ino : undefined;
  } finally {
    closeSync(fd);
  }
}
