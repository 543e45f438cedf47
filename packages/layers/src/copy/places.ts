import { closeSync, constants, fchmodSync, fchownSync, mkdirSync, openSync } from 'node:fs';
import { type LinuxSystem, O_PATH } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';
import { type ByteString, toPath } from '../bytes.js';
import { copyError } from './errors.js';

/** The names of a path without what says nothing. Errors: ARCHIVE_NAME_INVALID for one that leads up. */
export function namesOf(path: ByteString, entry: ByteString): readonly ByteString[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) throw copyError('ARCHIVE_NAME_INVALID', entry, 'its path leads up, out of the folder that it is for');
  return names;
}

/**
 * The directories of a tree that others may write to. Each path is resolved by the kernel in the root; the descriptor is then what all work goes through,
 * whatever becomes of the path. The two that were used last stay open: entries of one directory mostly follow each other.
 */
export class Places implements Disposable {
  readonly #system: LinuxSystem;
  readonly #root: number;
  readonly #directory: ByteString;
  readonly #owner: { readonly uid: number; readonly gid: number };
  readonly #open = new Map<ByteString, number>();

  constructor(system: LinuxSystem, root: number, directory: ByteString, owner: { readonly uid: number; readonly gid: number }) {
    this.#system = system;
    this.#root = root;
    this.#directory = directory;
    this.#owner = owner;
  }

  /**
   * `/proc/self/fd/<directory>/<name>`, for calls that do not follow a link at the end; its parents are made if they are missing. Valid until two
   * other directories were asked for.
   */
  at(names: readonly ByteString[]): string | Buffer {
    return this.#path(names, (parents) => this.#make(parents));
  }

  /** The same, where nothing is to be made. Errors: ENOENT. */
  existing(names: readonly ByteString[]): string | Buffer {
    return this.#path(names, undefined);
  }

  /** A directory opened for reading, no link followed at its end. */
  openDirectory(names: readonly ByteString[]): number {
    return openSync(this.at(names), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  }

  /** Something was removed: a path may lead elsewhere now. */
  forget(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  [Symbol.dispose](): void {
    this.forget();
  }

  #path(names: readonly ByteString[], make: ((parents: readonly ByteString[]) => number) | undefined): string | Buffer {
    const parents = names.slice(0, -1);
    return toPath(`/proc/self/fd/${this.#parent(parents, make)}/${names.at(-1) ?? '.'}`);
  }

  #parent(names: readonly ByteString[], make: ((parents: readonly ByteString[]) => number) | undefined): number {
    const key = names.join('/');
    const known = this.#open.get(key);
    this.#open.delete(key);
    const fd = known ?? this.#find(names, make);
    const [oldest] = this.#open;
    if (this.#open.size > 1 && oldest !== undefined) {
      closeSync(oldest[1]);
      this.#open.delete(oldest[0]);
    }
    this.#open.set(key, fd);
    return fd;
  }

  #find(names: readonly ByteString[], make: ((parents: readonly ByteString[]) => number) | undefined): number {
    const path = Buffer.from(`${this.#directory}/${names.join('/')}/.`, 'latin1');
    try {
      return this.#system.openInRoot(this.#root, path, O_PATH | constants.O_DIRECTORY);
    } catch (error) {
      if (make === undefined || names.length === 0 || !hasCode(error, 'ENOENT')) throw error;
      return make(names);
    }
  }

  #make(names: readonly ByteString[]): number {
    const path = this.at(names);
    mkdirSync(path, 0o755);
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    fchownSync(fd, this.#owner.uid, this.#owner.gid);
    fchmodSync(fd, 0o755);
    return fd;
  }
}
