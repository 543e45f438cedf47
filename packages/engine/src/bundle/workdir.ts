import { posix } from 'node:path';
import { checkExecString, invalid, quote } from './invalid.js';
import type { RootFiles } from './root-files.js';

/**
 * Links to what a process holds open. A working directory there is how CVE-2024-21626 leaves the container, through
 * descriptors that a runtime leaks; /dev/fd is a link to them that the runtime makes.
 */
const processLinks = /^\/(?:proc\/(?:self|thread-self|\d+)|dev\/fd)(?:\/|$)/;

/**
 * A clean absolute path; relative ones start at `/`. One that is missing is left to the runtime to create (as root, 0755, inside
 * the root: runc and Kata's agent do, and Docker's users expect it). Errors: `WORKDIR_INVALID`.
 */
export function resolveWorkdir(root: RootFiles, text: string): string {
  checkExecString(`Working directory ${quote(text)}`, text);
  const path = posix.resolve('/', text);
  // PATH_MAX and NAME_MAX of the kernel, the first with its final NUL.
  const bytes = (name: string) => Buffer.byteLength(name);
  if (bytes(path) > 4095 || path.split('/').some((name) => bytes(name) > 255)) throw refuse(path, 'is too long');
  const found = root.find(path);
  for (const way of [path, found?.path ?? path]) {
    if (processLinks.test(way)) throw refuse(path, `leads to ${quote(way)}, which belongs to a process`);
  }
  if (found === undefined) checkMissing(root, path);
  else if (found.kind !== 'directory') throw refuse(path, 'is not a directory in the image');
  return path;
}

/** What is there of the way must be directories. A link to nowhere could come to lead into what is mounted later. */
function checkMissing(root: RootFiles, path: string): void {
  const names = path.split('/').slice(1);
  let parent = '';
  for (let depth = 1; depth <= names.length; depth++) {
    const prefix = `/${names.slice(0, depth).join('/')}`;
    if (root.find(prefix, { followLast: false }) === undefined) {
      const way = [parent, ...names.slice(depth - 1)].join('/');
      if (processLinks.test(way)) throw refuse(path, `leads to ${quote(way)}, which belongs to a process`);
      return;
    }
    const found = root.find(prefix);
    if (found === undefined) throw refuse(path, `goes through ${quote(prefix)}, a symbolic link that leads nowhere in the image`);
    if (found.kind !== 'directory') throw refuse(path, `goes through ${quote(prefix)}, which is not a directory in the image`);
    parent = found.path === '/' ? '' : found.path;
  }
}

function refuse(path: string, why: string) {
  return invalid('WORKDIR_INVALID', `Working directory ${quote(path)} ${why}`, {
    hint: 'choose another working directory, as in: slipway run --workdir /',
    details: { path },
  });
}
