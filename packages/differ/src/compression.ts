import { readSync } from 'node:fs';
import { Readable } from 'node:stream';
import { constants, createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib';
import { SlipwayError } from '@slipway/plugin-api';
import { isZstdMagic, ZstdFrames } from './zstd-frames.js';

/** A blob as the worker reads it. */
export interface Blob {
  readonly fd: number;
  readonly size: number;
  /** Told the bytes read so far. */
  readonly onRead: (bytes: number) => void;
}

const readBytes = 1 << 20;
/** Large output chunks are half the cost of inflating; a few of them let the thread pool inflate ahead of the writing. */
const chunkBytes = 1 << 20;
const ahead = { chunkSize: chunkBytes, readableHighWaterMark: 2 * chunkBytes };
/** 128 MiB: what zstd itself takes without being told, and the most that `--long` asks for by default. */
const zstdWindowLog = 27;

/** The uncompressed bytes of a blob. The compression is found from its first bytes. A chunk is valid until the next is asked for. */
export function uncompressed(blob: Blob): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  const magic = Buffer.alloc(6);
  readSync(blob.fd, magic, 0, magic.length, 0);
  if (magic[0] === 0x1f && magic[1] === 0x8b) return decompress(blob, createGunzip(ahead), 'gzip');
  if (isZstdMagic(magic.readUInt32LE(0))) {
    const params = { [constants.ZSTD_d_windowLogMax]: zstdWindowLog };
    return decompress(blob, createZstdDecompress({ ...ahead, params }), 'zstd', new ZstdFrames());
  }
  for (const [name, start] of unsupported)
    if (magic.subarray(0, start.length).equals(start))
      throw new SlipwayError({
        kind: 'unimplemented',
        code: 'LAYER_COMPRESSION_UNSUPPORTED',
        message: `layer is compressed with ${name}; gzip and zstd are supported`,
        hint: 'push the image again with gzip or zstd layers',
      });
  return plain(blob);
}

const unsupported: readonly (readonly [string, Buffer])[] = [
  ['bzip2', Buffer.from('BZh')],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
];

function* plain(blob: Blob): Iterable<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(readBytes, blob.size));
  for (let at = 0; at < blob.size; ) {
    const bytes = readPart(blob, buffer, at);
    at += bytes;
    blob.onRead(at);
    yield buffer.subarray(0, bytes);
  }
}

async function* decompress(
  blob: Blob,
  decoder: Gunzip | ZstdDecompress,
  name: string,
  frames?: ZstdFrames,
): AsyncIterable<Uint8Array> {
  const source = Readable.from(parts(blob, frames), { objectMode: false, highWaterMark: readBytes });
  source.on('error', (error) => decoder.destroy(error));
  source.pipe(decoder);
  try {
    for await (const chunk of decoder) yield chunk;
  } catch (error) {
    throw decompressError(error, name);
  } finally {
    source.destroy();
    decoder.destroy();
  }
  // zlib stops at what does not begin another member or frame, without a word about it.
  if (decoder.bytesWritten !== blob.size || frames?.isAtEnd === false) throw damaged(name, 'something else follows its end');
}

function* parts(blob: Blob, frames: ZstdFrames | undefined): Iterable<Buffer> {
  for (let at = 0; at < blob.size; ) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(readBytes, blob.size - at));
    const part = buffer.subarray(0, readPart(blob, buffer, at));
    at += part.length;
    blob.onRead(at);
    frames?.push(part);
    yield part;
  }
}

function readPart(blob: Blob, buffer: Buffer, at: number): number {
  const bytes = readSync(blob.fd, buffer, 0, Math.min(buffer.length, blob.size - at), at);
  if (bytes === 0) throw damaged('blob', `it ends at byte ${at}, not at its size ${blob.size}`);
  return bytes;
}

function decompressError(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  if (error.code.startsWith('ZSTD_error_frameParameter_windowTooLarge'))
    return new SlipwayError({
      kind: 'resource-exhausted',
      code: 'LAYER_TOO_LARGE',
      message: `layer's zstd window is over the limit of ${2 ** zstdWindowLog} bytes`,
      hint: 'compress the layer without a longer --long option',
      cause: error,
    });
  return /^(Z|ZSTD)_/.test(error.code) ? damaged(name, error.message, error) : error;
}

function damaged(name: string, problem: string, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'data-loss',
    code: 'LAYER_COMPRESSION_DAMAGED',
    message: `layer's ${name} data is damaged: ${problem}`,
    cause,
  });
}
