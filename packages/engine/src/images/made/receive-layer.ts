import { createHash } from 'node:crypto';
import { closeSync, constants, createReadStream, fstatSync, openSync } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { mediaTypes } from '@slipway/oci';
import {
  type ArchiveSource,
  type ContentWriter,
  type Descriptor,
  isKind,
  isSlipwayError,
  SlipwayError,
  throwIfAborted,
  wrapError,
} from '@slipway/plugin-api';
import { ignoring } from '../../operations/ignoring.js';
import type { EngineParts } from '../../settings.js';
import { type Draft, leaseContent } from './draft.js';

/** Brings a tar file into the content store as it is, compressed or not. What is in it nobody has looked at yet. */
export async function receiveLayer(
  parts: EngineParts,
  draft: Draft,
  input: ArchiveSource,
  what: string,
  signal: AbortSignal | undefined,
): Promise<Descriptor> {
  const ref = `import-${draft.operation.id}`;
  const ingest = draft.operation.acquire({ kind: 'ingest', ref });
  try {
    await using writer = await parts.content.writer({ ref });
    // The last thing that could leave it open.
    const source = typeof input === 'string' ? await openFile(input) : input;
    const descriptor = await receive(writer, signal === undefined ? source : addAbortSignal(signal, source));
    // Leased under its digest before it is there: between the two a sweep could take it.
    await leaseContent(parts, draft, descriptor.digest, signal);
    await ignoring(
      writer.commit({ size: descriptor.size, digest: descriptor.digest }).then(() => {}),
      'already-exists',
    );
    ingest.forget();
    return descriptor;
  } catch (error) {
    await ingest.release();
    throwIfAborted(what, signal);
    throw wrapError(what, error);
  }
}

async function openFile(file: string): Promise<Readable> {
  // A FIFO's writer is not waited for in the kernel: a thread that does cannot be called back.
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  const found = fstatSync(fd);
  if (found.isFIFO()) {
    const { Socket } = await import('node:net');
    return new Socket({ fd, readable: true, writable: false });
  }
  if (!found.isDirectory()) return createReadStream(file, { fd, highWaterMark: chunkBytes });
  closeSync(fd);
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'IMPORT_NOT_A_FILE',
    message: `import from ${JSON.stringify(file)}: it is a directory, expected a tar file`,
    hint: 'tar -C DIRECTORY -c . | slipway import - NAME',
  });
}

function notBytes(): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'IMPORT_NOT_BYTES',
    message: 'the stream has text in it, expected the bytes of a tar file',
    hint: 'open it without an encoding',
  });
}

const chunkBytes = 1 << 18;
/** Enough to know each compression by. */
const headBytes = 4;

async function receive(writer: ContentWriter, source: Readable): Promise<Descriptor> {
  const hash = createHash('sha256');
  let head = Buffer.alloc(0);
  let size = 0;
  for await (const chunk of source as AsyncIterable<unknown>) {
    if (!(chunk instanceof Uint8Array)) throw notBytes();
    if (head.length < headBytes) head = Buffer.concat([head, chunk.subarray(0, headBytes)]);
    hash.update(chunk);
    size += chunk.length;
    await writer.write(chunk);
  }
  return { mediaType: mediaTypeOf(head), digest: `sha256:${hash.digest('hex')}`, size };
}

/** What it is by its first bytes (RFC 1952, 2.3.1; RFC 8878, 3.1), as a differ sees it, too. */
function mediaTypeOf(head: Buffer): string {
  if (head[0] === 0x1f && head[1] === 0x8b) return mediaTypes.ociLayerGzip;
  const magic = head.length < headBytes ? 0 : head.readUInt32LE(0);
  const isZstd = magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50;
  return isZstd ? mediaTypes.ociLayerZstd : mediaTypes.ociLayer;
}

/** Whoever reads a layer knows the place in it, and not where it came from. */
export function brokenTar(what: string, error: unknown): unknown {
  if (!isSlipwayError(error) || isKind(error, 'canceled', 'unavailable', 'internal')) return error;
  const { kind, code, message, hint, details } = error;
  const isFinal = isKind(error, 'invalid-argument', 'data-loss', 'unimplemented');
  return new SlipwayError({
    kind,
    code,
    message: `${what}: ${message}`,
    hint: hint ?? (isFinal ? 'it must be a tar file of a root file system, plain or compressed with gzip or zstd' : undefined),
    cause: error,
    details,
  });
}
