import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

/** All that comes. */
export async function bytesOf(stream: Readable | undefined): Promise<Buffer> {
  return stream === undefined ? Buffer.alloc(0) : await buffer(stream);
}

/** Writes with back-pressure, and ends the stream. */
export async function feed(stream: Writable | undefined, bytes: Buffer): Promise<void> {
  if (stream === undefined) throw new Error('there is no stdin');
  const piece = 256 * 1024;
  for (let at = 0; at < bytes.length; at += piece) {
    if (!stream.write(bytes.subarray(at, at + piece))) await once(stream, 'drain');
  }
  stream.end();
}

/** Collects what comes, and waits for a piece of it. */
export class Listener {
  text = '';
  /** Fulfils when all has come. */
  readonly ended: Promise<unknown>;
  readonly #checks = new Set<() => void>();

  constructor(stream: Readable | undefined) {
    if (stream === undefined) throw new Error('there is no stream to listen to');
    this.ended = once(stream, 'close');
    stream.on('data', (chunk: Buffer) => {
      this.text += chunk.toString();
      for (const check of this.#checks) check();
    });
  }

  /** Rejects when the stream ends without it. */
  async until(piece: string): Promise<void> {
    const found = new Promise<boolean>((resolve) => {
      const check = () => this.text.includes(piece) && resolve(true);
      this.#checks.add(check);
      check();
    });
    const isThere = await Promise.race([found, this.ended.then(() => this.text.includes(piece))]);
    if (!isThere) throw new Error(`the stream ended without ${JSON.stringify(piece)}; it said ${JSON.stringify(this.text)}`);
  }
}
