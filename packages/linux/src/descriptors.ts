import { closeSync, constants, openSync } from 'node:fs';
import { O_CLOEXEC, O_PATH } from './constants.js';

/** Names of files and trees by descriptor, for as long as a mount is being made. */
export class Descriptors implements Disposable {
  readonly #fds: number[] = [];

  /** The path itself, or a short name for it where overlayfs would read it otherwise (`\\`, `:`, `,`) or fsconfig(2) cut it (255 bytes). */
  nameOf(path: string): string {
    return /[\\:,]/.test(path) || Buffer.byteLength(path) > 255 ? this.open(path) : path;
  }

  open(path: string): string {
    return this.hold(openSync(path, O_PATH | O_CLOEXEC));
  }

  /** A directory that is no link: who wrote the tree may have put one there that leads out of it. */
  openDirectory(path: string): string {
    return this.hold(openSync(path, O_PATH | O_CLOEXEC | constants.O_DIRECTORY | constants.O_NOFOLLOW));
  }

  /** From now on it is closed with the others. */
  hold(fd: number): string {
    this.#fds.push(fd);
    return `/proc/self/fd/${fd}`;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds) closeSync(fd);
  }
}
