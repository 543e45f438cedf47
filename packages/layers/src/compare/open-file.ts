import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { O_PATH } from '@slipway/linux';
import type { ByteString } from '../bytes.js';
import { treeChanged } from './changed.js';
import { inodeKey, pathOf, type TreeAccess, type TreeEntry } from './merged-tree.js';

// O_PATH: opening a device can do something, as with a watchdog. Only what turns out to be the file is opened to be read.
const looking = O_PATH | constants.O_NOFOLLOW;
// O_NONBLOCK: whoever has a lease on the file is not waited for. O_NOATIME: to look changes nothing.
const reading = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME;

/** A file of a tree, which has to stay what it was when it was looked up. */
export class OpenFile implements Disposable {
  readonly size: number;
  readonly #fd: number;
  readonly #stats: BigIntStats;
  readonly #path: ByteString;

  constructor(access: TreeAccess, entry: TreeEntry, path: ByteString) {
    this.size = Number(entry.stats.size);
    this.#stats = entry.stats;
    this.#path = path;
    const found = openSync(pathOf(access, entry), looking);
    try {
      this.#check(found);
      this.#fd = openSync(`/proc/self/fd/${found}`, reading);
    } finally {
      closeSync(found);
    }
  }

  /** After the last read: what was read is of one moment. */
  ensureUnchanged(): void {
    this.#check(this.#fd);
  }

  #check(fd: number): void {
    const stats = fstatSync(fd, { bigint: true });
    const { mode, size, ctimeNs } = this.#stats;
    const isSameFile = inodeKey(stats) === inodeKey(this.#stats) && stats.mode === mode;
    if (!isSameFile || stats.size !== size || stats.ctimeNs !== ctimeNs) throw treeChanged(this.#path);
  }

  /** Fills `length` bytes of the buffer. */
  read(buffer: Buffer, offset: number, length: number, position: number): void {
    for (let done = 0; done < length; ) {
      const bytes = readSync(this.#fd, buffer, offset + done, length - done, position + done);
      if (bytes === 0) throw treeChanged(this.#path);
      done += bytes;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
