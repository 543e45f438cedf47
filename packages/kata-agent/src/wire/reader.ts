export interface Part {
  readonly number: number;
  readonly value: bigint | Uint8Array;
}

/** Takes the bytes of a message apart. Throws on what is none. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Undefined at the end. */
  next(): Part | undefined {
    if (this.#at === this.#bytes.length) return undefined;
    const tag = this.#varint();
    const number = Number(tag >> 3n);
    if (number === 0 || number >= 2 ** 29) throw new Error(`there is no field ${number}`);
    switch (Number(tag & 7n)) {
      case 0:
        return { number, value: this.#varint() };
      case 1:
        return { number, value: this.#take(8) };
      case 2:
        return { number, value: this.#take(Number(this.#varint())) };
      case 5:
        return { number, value: this.#take(4) };
      default:
        throw new Error(`field ${number} has no known form`);
    }
  }

  /** Numbers alone, up to the end. */
  *varints(): Generator<bigint> {
    while (this.#at < this.#bytes.length) yield this.#varint();
  }

  #take(size: number): Uint8Array {
    if (size > this.#bytes.length - this.#at) throw new Error('the message is cut off');
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  #varint(): bigint {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt(value);
    }
    let long = BigInt(value);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      long |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, long);
    }
    throw new Error('a number of more than ten bytes');
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new Error('the message is cut off');
    return byte;
  }
}
