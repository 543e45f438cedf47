import type { ErofsType } from '../erofs/types.js';
import { type Attributes, mtimeNs } from '../tree/attributes.js';
import type { EntryStats } from '../tree/base.js';

const typeBits: Readonly<Record<ErofsType, number>> = {
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
};

export interface ImageEntry extends Omit<Attributes, 'xattrs'> {
  readonly type: ErofsType;
  readonly size: number;
  readonly links: number;
  /** As makedev(3) gives it. */
  readonly device: bigint;
  /** Bytes that are no hole. */
  readonly storedBytes: () => number;
}

/** What lstat(2) would say of something in an image if it were mounted. */
export class ImageStats implements EntryStats {
  readonly #entry: ImageEntry;

  constructor(entry: ImageEntry) {
    this.#entry = entry;
  }

  get mode(): bigint {
    return BigInt(typeBits[this.#entry.type] | this.#entry.mode);
  }

  get uid(): bigint {
    return BigInt(this.#entry.uid);
  }

  get gid(): bigint {
    return BigInt(this.#entry.gid);
  }

  get size(): bigint {
    return BigInt(this.#entry.size);
  }

  get blocks(): bigint {
    return BigInt(Math.ceil(this.#entry.storedBytes() / 512));
  }

  get nlink(): bigint {
    return BigInt(this.#entry.links);
  }

  get rdev(): bigint {
    return this.#entry.device;
  }

  get mtimeNs(): bigint {
    return mtimeNs(this.#entry);
  }

  isFile(): boolean {
    return this.#entry.type === 'file';
  }

  isDirectory(): boolean {
    return this.#entry.type === 'directory';
  }

  isSymbolicLink(): boolean {
    return this.#entry.type === 'symlink';
  }
}
