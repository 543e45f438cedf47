import { type BigIntStats, closeSync, constants, fstatSync, openSync, readdirSync } from 'node:fs';
import { O_PATH, type Path } from '@slipway/linux';

/**
 * A directory by descriptor. What is in it is named below `/proc/self/fd`, so that neither the depth of a tree nor a link
 * in it matters: no name is longer than one component.
 */
export class Directory implements Disposable {
  readonly fd: number;
  readonly #prefix: Buffer;

  constructor(path: Path) {
    this.fd = openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    this.#prefix = Buffer.from(`/proc/self/fd/${this.fd}/`);
  }

  names(): Buffer[] {
    return readdirSync(this.#prefix, { encoding: 'buffer' });
  }

  stats(): BigIntStats {
    return fstatSync(this.fd, { bigint: true });
  }

  path(name: Buffer): Buffer {
    return Buffer.concat([this.#prefix, name]);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}
