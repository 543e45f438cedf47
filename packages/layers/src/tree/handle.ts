import { closeSync, constants, openSync } from 'node:fs';
import { type ByteString, toPath } from '../bytes.js';

/**
 * A directory, known by its parent's handle and its own name. Its descriptor is opened when needed and may be closed
 * again to keep few open; it is then found anew one component at a time, never following a symbolic link.
 */
export class DirectoryHandle {
  fd: number | undefined;
  /** `/proc/self/fd/<fd>/`, made once for each opening. */
  prefix = '';
  lastUse = 0;

  constructor(
    readonly parent: DirectoryHandle | undefined,
    /** Below the parent; of a root, its absolute path. */
    readonly name: ByteString,
  ) {}
}

const openDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const defaultOpenMost = 256;

/**
 * The open descriptors of directories, at most so many. Work below one goes through `/proc/self/fd/<fd>/<name>`: the
 * kernel starts at the descriptor, so nothing that happens to the path above can lead elsewhere, and node's own
 * synchronous calls can be used, which are faster than calling libc for the same.
 */
export class HandleTable implements Disposable {
  readonly #open = new Set<DirectoryHandle>();
  readonly #openMost: number;
  #clock = 0;
  /** Asked for last, and before that: link(2) takes two paths at once. */
  #latest: DirectoryHandle | undefined;
  #previous: DirectoryHandle | undefined;

  constructor(openMost: number = defaultOpenMost) {
    this.#openMost = openMost;
  }

  /** The directory's open descriptor, valid until two other directories have been asked for. */
  fd(handle: DirectoryHandle): number {
    if (handle !== this.#latest) {
      this.#previous = this.#latest;
      this.#latest = handle;
    }
    return this.#opened(handle);
  }

  /** The path of `name` in the directory, for calls that do not follow a symbolic link at the end; valid like `fd`. */
  path(handle: DirectoryHandle, name: ByteString): string | Buffer {
    this.fd(handle);
    return toPath(handle.prefix + name);
  }

  close(handle: DirectoryHandle): void {
    if (handle.fd === undefined) return;
    this.#open.delete(handle);
    const { fd } = handle;
    handle.fd = undefined;
    closeSync(fd);
  }

  [Symbol.dispose](): void {
    for (const handle of [...this.#open]) this.close(handle);
  }

  #opened(handle: DirectoryHandle): number {
    const fd = handle.fd ?? this.#openHandle(handle);
    // Only now: what opening it took has used its ancestors, and the most recently used of all must stay open.
    handle.lastUse = ++this.#clock;
    return fd;
  }

  #openHandle(handle: DirectoryHandle): number {
    const { parent } = handle;
    if (parent) this.#opened(parent);
    const fd = openSync(toPath(parent ? parent.prefix + handle.name : handle.name), openDirectory);
    handle.fd = fd;
    handle.prefix = `/proc/self/fd/${fd}/`;
    handle.lastUse = ++this.#clock;
    this.#open.add(handle);
    if (this.#open.size > this.#openMost) this.#closeOldest();
    return fd;
  }

  /** Closes the less recently used half at once, so that the sorting is paid for rarely. */
  #closeOldest(): void {
    const byUse = [...this.#open].sort((a, b) => a.lastUse - b.lastUse);
    for (const handle of byUse.slice(0, byUse.length / 2))
      if (handle !== this.#latest && handle !== this.#previous) this.close(handle);
  }
}
