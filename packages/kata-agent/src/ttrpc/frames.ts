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

/** Cuts a stream of bytes into frames. Each byte is copied at most once, in whatever pieces it comes. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The next frame that is whole. Throws when it is to be longer than a frame may be. */
  next(): Frame | undefined {
    if (this.#size < 10) return undefined;
    const header = this.#front(10);
    const length = header.readUInt32BE(0);
    if (length > maxFrameBytes) throw new Error(`a frame of ${length} bytes, at most ${maxFrameBytes} are possible`);
    if (this.#size < 10 + length) return undefined;
    const frame = this.#front(10 + length);
    this.#chunks[0] = (this.#chunks[0] ?? frame).subarray(10 + length);
    this.#size -= 10 + length;
    return { stream: frame.readUInt32BE(4), type: frame[8] ?? 0, payload: frame.subarray(10) };
  }

  /** So many bytes of those that have come, in one piece. */
  #front(size: number): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= size) return first.subarray(0, size);
    const all = Buffer.concat(this.#chunks, this.#size);
    this.#chunks = [all];
    return all.subarray(0, size);
  }
}
