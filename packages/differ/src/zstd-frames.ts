const skippableMagic = 0x184d2a50;

/** Sizes of the fields by their flags (RFC 8878, 3.1.1.1.1). */
const dictionaryIdBytes = [0, 1, 2, 4];
const contentSizeBytes = [0, 2, 4, 8];

export function isZstdMagic(magic: number): boolean {
  return magic === 0xfd2fb528 || isSkippable(magic);
}

function isSkippable(magic: number): boolean {
  return (magic & 0xfffffff0) >>> 0 === skippableMagic;
}

/**
 * Follows the frames and blocks of a zstd stream by their lengths, to know whether it ends where a frame ends. The decoder
 * of node:zlib cannot tell: it keeps up to three bytes that may begin another frame, and forgets them at the end.
 * Whether the content is right is the decoder's to check.
 */
export class ZstdFrames {
  #field: 'magic' | 'length' | 'descriptor' | 'block' = 'magic';
  #fieldBytes = 4;
  #value = 0;
  #have = 0;
  #skip = 0;
  #hasChecksum = false;

  /** Nothing is begun that is not finished. */
  get isAtEnd(): boolean {
    return this.#field === 'magic' && this.#have === 0 && this.#skip === 0;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const bytes = Math.min(this.#skip, chunk.length - at);
        this.#skip -= bytes;
        at += bytes;
        continue;
      }
      this.#value += (chunk[at++] ?? 0) * 2 ** (8 * this.#have++);
      if (this.#have < this.#fieldBytes) continue;
      const value = this.#value;
      this.#value = 0;
      this.#have = 0;
      this.#read(value);
    }
  }

  #read(value: number): void {
    switch (this.#field) {
      case 'magic':
        if (isSkippable(value)) this.#expect('length', 4);
        else this.#expect('descriptor', 1);
        break;
      case 'length':
        this.#skip = value;
        this.#expect('magic', 4);
        break;
      case 'descriptor': {
        const isSingleSegment = (value & 0x20) !== 0;
        const contentSize = contentSizeBytes[value >> 6] || (isSingleSegment ? 1 : 0);
        this.#hasChecksum = (value & 0x04) !== 0;
        this.#skip = (isSingleSegment ? 0 : 1) + (dictionaryIdBytes[value & 3] ?? 0) + contentSize;
        this.#expect('block', 3);
        break;
      }
      case 'block': {
        const isLast = (value & 1) !== 0;
        const isRepeated = ((value >> 1) & 3) === 1;
        this.#skip = (isRepeated ? 1 : value >> 3) + (isLast && this.#hasChecksum ? 4 : 0);
        if (isLast) this.#expect('magic', 4);
        break;
      }
    }
  }

  #expect(field: 'magic' | 'length' | 'descriptor' | 'block', bytes: number): void {
    this.#field = field;
    this.#fieldBytes = bytes;
  }
}
