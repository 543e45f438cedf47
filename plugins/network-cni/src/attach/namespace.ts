import { closeSync, constants, fstatSync, openSync, readlinkSync, statSync } from 'node:fs';
import { invalid } from '../errors.js';

export interface NamespacePlace {
  readonly path: string;
  readonly inode: number;
}

/** Checks that the path opens a network namespace that is not this process's own. Errors: `invalid-argument`. */
export function namespaceAt(what: string, path: string): NamespacePlace {
  const inode = inodeOf(path);
  if (inode === undefined) throw invalid(what, `${JSON.stringify(path)} is no network namespace`);
  if (inode === statSync('/proc/self/ns/net').ino)
    throw invalid(what, `${JSON.stringify(path)} is the network namespace of the host`);
  return { path: pathForOthers(path), inode };
}

/** Plugins are other processes. */
export function pathForOthers(path: string): string {
  return path.replace(/^\/proc\/(self|thread-self)\//, `/proc/${process.pid}/`);
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
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith('net:[') ? fstatSync(fd).ino : undefined;
  } finally {
    closeSync(fd);
  }
}
