const blocksBytes = 1 << 20;

/** Collects bytes in buffers of one size, so that what takes them gets the same parts however they came together. */
export class Blocks {
  #buffer = Buffer.allocUnsafeSlow(blocksBytes);
  #fill = 0;

  *add(bytes: Buffer): Generator<Buffer> {
    for (let at = 0; at < bytes.length; ) {
      const { buffer, start } = yield* this.space();
      const copied = bytes.copy(buffer, start, at);
      this.took(copied);
      at += copied;
    }
  }

  /** Where the next bytes go: at least one, to the end of the buffer. */
  *space(): Generator<Buffer, { readonly buffer: Buffer; readonly start: number }> {
    if (this.#fill === this.#buffer.length) {
      yield this.#buffer;
      this.#buffer = Buffer.allocUnsafeSlow(blocksBytes);
      this.#fill = 0;
    }
    return { buffer: this.#buffer, start: this.#fill };
  }

  /** So many bytes were put there. */
  took(bytes: number): void {
    this.#fill += bytes;
  }

  *rest(): Generator<Buffer> {
    if (this.#fill > 0) yield this.#buffer.subarray(0, this.#fill);
  }
}
