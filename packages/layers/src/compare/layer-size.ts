import type { ByteString } from '../bytes.js';
import { entryError } from '../errors.js';
import type { LayerLimits } from '../limits.js';
import { paddingOf } from '../tar/encode.js';
import { blockSize } from '../tar/header.js';

/** Of the two zero blocks at the end of an archive. */
export const endBytes = 2 * blockSize;

/** Keeps a layer that is made within what may be applied: a file with nothing but a hole in it can claim any size. */
export class LayerSize {
  readonly #limits: LayerLimits;
  #headers = 0;
  #bytes = endBytes;

  constructor(limits: LayerLimits) {
    this.#limits = limits;
  }

  /** Before an entry is written. */
  add(path: ByteString, header: Buffer, contentBytes: number): void {
    const { entries, unpackedBytes } = this.#limits;
    // A header that extends the one after it counts, as when it is read.
    this.#headers += header.length > blockSize ? 2 : 1;
    if (this.#headers > entries) throw entryError('LAYER_TOO_LARGE', path, `the layer is over the limit of ${entries} entries`);
    this.#bytes += header.length + contentBytes + paddingOf(contentBytes);
    if (this.#bytes > unpackedBytes)
      throw entryError('LAYER_TOO_LARGE', path, `the layer is over the limit of ${unpackedBytes} bytes`);
  }
}
