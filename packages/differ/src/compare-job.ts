import { createHash, type Hash } from 'node:crypto';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { compareTrees, type LayerLimits } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { canceled, type Digest, type LayerTree } from '@slipway/plugin-api';
import type { PlainError } from './job.js';

export type Compression = 'none' | 'gzip' | 'zstd';

/** What the thread that compares is started with. */
export interface CompareJob {
  readonly lower: readonly LayerTree[];
  readonly upper: readonly LayerTree[];
  readonly compression: Compression;
  readonly limits: LayerLimits;
  /** One 32-bit integer; not 0 when the job is to stop. Seen also while the thread is too busy for messages. */
  readonly stop: SharedArrayBuffer;
}

/** What it answers: any number of parts of the blob, then `done` or `failed`. It is told `written` once for each part, and `stop`. */
export type CompareMessage =
  | { readonly type: 'part'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: 'done'; readonly result: CompareResult }
  | { readonly type: 'failed'; readonly error: PlainError };

export interface CompareResult {
  /** Of the blob. */
  readonly digest: Digest;
  readonly size: number;
  /** Digest of the uncompressed stream. */
  readonly diffId: Digest;
}

const partBytes = 1 << 20;

/** Throws when the job is to stop. */
export function checkStop({ stop }: CompareJob): void {
  if (Atomics.load(new Int32Array(stop), 0) !== 0) throw canceled('compare trees');
}

/** Makes the blob of one layer; `send` is back-pressure. */
export async function compareJob(job: CompareJob, send: (part: Uint8Array) => Promise<void>): Promise<CompareResult> {
  const [diffHash, blobHash] = [createHash('sha256'), createHash('sha256')];
  let size = 0;
  const source = Readable.from(hashed(job, diffHash), { highWaterMark: 1 });
  const take = async (parts: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const part of parts) {
      if (job.compression === 'gzip' && size === 0) part[gzipSystem] = unknownSystem;
      blobHash.update(part);
      size += part.length;
      await send(part);
    }
  };
  const compressor = compressorOf(job.compression);
  await (compressor ? pipeline(source, compressor, take) : pipeline(source, take));
  return { digest: digestOf(blobHash), size, diffId: digestOf(diffHash) };
}

/** Where a gzip header names the system it was made on (RFC 1952, 2.3.1), and what it says when that is nobody's concern. */
const gzipSystem = 9;
const unknownSystem = 255;

function* hashed(job: CompareJob, hash: Hash): Generator<Buffer> {
  const { lower, upper, limits } = job;
  for (const part of compareTrees(lower, upper, { system: linux, limits, checkpoint: () => checkStop(job) })) {
    hash.update(part);
    yield part;
  }
}

/** All that the bytes depend on beside the content is written here, but for the version of the library. */
function compressorOf(compression: Compression): Transform | undefined {
  if (compression === 'none') return undefined;
  if (compression === 'gzip') return createGzip({ level: 6, chunkSize: partBytes });
  const params = { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 };
  return createZstdCompress({ params, chunkSize: partBytes });
}

function digestOf(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}`;
}
