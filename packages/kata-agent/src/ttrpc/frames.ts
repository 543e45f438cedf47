/** Of what one frame carries (ttrpc's own limit). */
export const maxFrameBytes = 4 << 20;

export const frameTypes = { request: 1, response: 2 } as const;

export interface Frame {
  /** Odd: begun by the client. */
  readonly stream: number;
  readonly type: number;
  readonly payload: Uint8Array;
}

/** One frame: big-endian u32 length and u32 stream, u8 type, u8 flags, and that many bytes. Throws on more than a frame may carry. */
export function encodeFrame({ stream, type, payload }: Frame): Buffer {
  if (payload.length > maxFrameBytes)
    throw new Error(`a message of ${payload.length} bytes is too long, at most ${maxFrameBytes} are possible`);
  const header = Buffer.alloc(10);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt32BE(stream, 4);
  header[8] = type;
  return Buffer.concat([header, payload]);
}

/** Cuts a stream of bytes into frames. What it keeps is one frame, in however many pieces that comes. */
export class FrameReader {
  readonly #maximum: number;
  readonly #header = Buffer.alloc(10);
  #payload: Buffer | undefined;
  /** Of what is read now: header or payload. */
  #filled = 0;

  /** `maximum`: bytes that one may carry. */
  constructor(maximum = maxFrameBytes) {
    this.#maximum = maximum;
  }

  /** The frames that are whole with these bytes. Throws when one is to be longer than a frame may be. */
  *read(chunk: Buffer): Generator<Frame> {
    let rest = chunk;
    while (rest.length > 0) {
      rest = rest.subarray(this.#fill(rest));
      if (this.#payload === undefined && this.#filled === this.#header.length) this.#begin();
      if (this.#payload?.length === this.#filled) yield this.#end(this.#payload);
    }
  }

  #fill(bytes: Buffer): number {
    const taken = bytes.copy(this.#payload ?? this.#header, this.#filled);
    this.#filled += taken;
    return taken;
  }

  #begin(): void {
    const length = this.#header.readUInt32BE(0);
    if (length > this.#maximum) throw new Error(`a frame of ${length} bytes, at most ${this.#maximum} are possible`);
    this.#payload = Buffer.allocUnsafe(length);
    this.#filled = 0;
  }

  #end(payload: Buffer): Frame {
    this.#payload = undefined;
    this.#filled = 0;
    return { stream: this.#header.readUInt32BE(4), type: this.#header[8] ?? 0, payload };
  }
}
