import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { LinuxSystem } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';

/** A folder that this process has locked. Closing the claim lets go of it. */
export interface FolderClaim extends Disposable {
  readonly path: string;
}

/**
 * Makes a folder that other processes leave alone for as long as the claim is held. Undefined when its name is taken.
 *
 * The lock is a flock on the folder itself, so that it falls with the process. Between mkdir and flock another process that
 * cleans up may take the folder: then the lock fails or the name is of another folder, and the caller takes another name.
 */
export function makeFolder(linux: LinuxSystem, path: string): FolderClaim | undefined {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return undefined;
    throw error;
  }
  return claimFolder(linux, path);
}

/** Locks a folder that is there. Undefined when it is gone or another process has it. */
export function claimFolder(linux: LinuxSystem, path: string): FolderClaim | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    if (linux.tryFlock(fd, 'exclusive') && isStill(fd, path)) return { path, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

function isStill(fd: number, path: string): boolean {
  const [held, named] = [fstatSync(fd), statSync(path, { throwIfNoEntry: false })];
  return named !== undefined && held.ino === named.ino && held.dev === named.dev;
}

/** The folders of snapshots: `<root>/snapshots/<id>`. */
export class SnapshotFolders {
  readonly #top: string;

  constructor(root: string) {
    this.#top = join(root, 'snapshots');
    mkdirSync(this.#top, { recursive: true, mode: 0o700 });
  }

  get top(): string {
    return this.#top;
  }

  of(id: number): string {
    return join(this.#top, String(id));
  }

  /** Ids of the folders that are there. */
  ids(): number[] {
    return readdirSync(this.#top).flatMap((name) => (/^[1-9][0-9]{0,15}$/.test(name) ? [Number(name)] : []));
  }
}
