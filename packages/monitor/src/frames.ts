import { SlipwayError } from '@slipway/plugin-api';

/** Of the strings of one frame, with their NULs. */
const maxFrameBytes = 65_536;

/** One frame: a little-endian u32 length and that many bytes of NUL-terminated strings. */
export function encodeFrame(strings: readonly string[]): Buffer {
  for (const string of strings) {
    if (string.includes('\0')) throw invalidFrame(`the argument ${JSON.stringify(string)} holds a NUL`);
  }
  const payload = Buffer.from(strings.map((string) => `${string}\0`).join(''));
  if (payload.length > maxFrameBytes)
    throw invalidFrame(`the arguments take ${payload.length} bytes, at most ${maxFrameBytes} are possible`);
  const header = Buffer.alloc(4);
  header.writeUInt32LE(payload.length);
  return Buffer.concat([header, payload]);
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  /** The next frame that is whole now, with more bytes if there are. Throws on bytes that can be no frame. */
  next(chunk?: Buffer): string[] | undefined {
    if (chunk !== undefined) this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (this.#pending.length < 4) return undefined;
    const length = this.#pending.readUInt32LE(0);
    if (length === 0 || length > maxFrameBytes) throw new Error(`the monitor sent a frame of ${length} bytes`);
    if (this.#pending.length < 4 + length) return undefined;
    const text = this.#pending.toString('utf8', 4, 4 + length);
    if (!text.endsWith('\0')) throw new Error('the monitor sent a frame that does not end with NUL');
    this.#pending = this.#pending.subarray(4 + length);
    return text.slice(0, -1).split('\0');
  }

  /** What has come beyond the last frame. */
  rest(): Buffer {
    const rest = this.#pending;
    this.#pending = Buffer.alloc(0);
    return rest;
  }
}

function invalidFrame(reason: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'MONITOR_ARGUMENTS',
    message: `request to the container monitor: ${reason}`,
  });
}
