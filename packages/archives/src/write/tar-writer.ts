import { blockSize, encodeEntry, fromText, paddingOf } from '@slipway/layers';
import type { ByteSink } from './sinks.js';

/** Writes a tar file of regular files. Nothing but names and content goes into it, so the same files are the same bytes. */
export class TarWriter {
  readonly #sink: ByteSink;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** @param body exactly `size` bytes, which its maker answers for */
  async file(name: string, size: number, body: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#sink.write(header(name, size));
    for await (const chunk of body) await this.#sink.write(chunk);
    if (paddingOf(size) > 0) await this.#sink.write(Buffer.alloc(paddingOf(size)));
  }

  async document(name: string, bytes: Buffer): Promise<void> {
    await this.#sink.write(header(name, bytes.length));
    await this.#sink.write(Buffer.concat([bytes, Buffer.alloc(paddingOf(bytes.length))]));
  }

  end(): Promise<void> {
    return this.#sink.write(Buffer.alloc(2 * blockSize));
  }
}

function header(name: string, size: number): Buffer {
  const entry = {
    type: 'file',
    path: fromText(name),
    linkTarget: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size,
    mtimeSeconds: 0,
    mtimeNanoseconds: 0,
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: [],
  } as const;
  return encodeEntry(entry, blockSize * 8);
}
