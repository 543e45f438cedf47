import { closeSync, constants, openSync } from 'node:fs';

const suffix = '.erofs';

/** Where the uncompressed tar archive lies that a `tar-index` image needs: `layer.tar` beside `layer.erofs`. */
export function tarOf(image: string): string {
  return `${image.endsWith(suffix) ? image.slice(0, -suffix.length) : image}.tar`;
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants;

/** Descriptors that are closed together. */
export class OpenFiles implements Disposable {
  readonly #fds: number[] = [];

  read(path: string): number {
    return this.#open(path, O_RDONLY);
  }

  /** A file that is there. */
  change(path: string): number {
    return this.#open(path, O_RDWR | O_NOFOLLOW);
  }

  /** A file that is not there yet. */
  create(path: string): number {
    return this.#open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.splice(0)) closeSync(fd);
  }

  #open(path: string, flags: number, mode?: number): number {
    const fd = openSync(path, flags, mode);
    this.#fds.push(fd);
    return fd;
  }
}
