import { createHash } from 'node:crypto';
import { parseDigest } from '@slipway/oci';
import { type ContentReader, type ContentStore, type Digest, isKind, throwIfAborted, wrapError } from '@slipway/plugin-api';
import type { VerifyThread } from '../verify-thread.js';

/** What is wrong with a blob, found against expected. */
export interface BlobFinding {
  readonly problem: 'missing' | 'damaged' | 'unreadable';
  readonly message: string;
}

export interface CheckBlobOptions {
  readonly signal?: AbortSignal | undefined;
  /** Of this blob, so far. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

const pieceBytes = 1024 * 1024;

/** Reads a blob's file and compares it with its digest. Undefined when it is whole. Errors: `canceled`, `resource-exhausted`, `internal`. */
export async function checkBlob(
  store: ContentStore,
  thread: VerifyThread,
  digest: Digest,
  expectedBytes: number,
  options: CheckBlobOptions,
): Promise<BlobFinding | undefined> {
  try {
    await using reader = await store.readerAt(digest);
    const { algorithm, encoded } = parseDigest(digest);
    const { hash, bytes } = await hashOf(reader, thread, algorithm, options);
    if (bytes !== expectedBytes) return { problem: 'damaged', message: `found ${bytes} bytes, expected ${expectedBytes}` };
    if (hash === encoded) return undefined;
    return { problem: 'damaged', message: `found the digest "${algorithm}:${hash}"` };
  } catch (error) {
    throwIfAborted('verify', options.signal);
    if (isKind(error, 'not-found')) return { problem: 'missing', message: 'there is no such file' };
    const failure = wrapError(`read "${digest}"`, error);
    // Too few descriptors, or a thread that is lost, say nothing of the blob.
    if (isKind(failure, 'resource-exhausted', 'internal')) throw failure;
    return { problem: 'unreadable', message: failure.message };
  }
}

async function hashOf(
  reader: ContentReader,
  thread: VerifyThread,
  algorithm: string,
  { signal, onBytes = () => {} }: CheckBlobOptions,
): Promise<{ readonly hash: string; readonly bytes: number }> {
  if (reader.fd !== undefined) return thread.run({ kind: 'hash', fd: reader.fd, algorithm }, { signal, onProgress: onBytes });
  // A store that keeps no local files hands its bytes out here.
  const hash = createHash(algorithm);
  const piece = Buffer.allocUnsafeSlow(Math.min(reader.size, pieceBytes));
  let bytes = 0;
  while (bytes < reader.size) {
    throwIfAborted('verify', signal);
    const read = await reader.read(piece, bytes);
    if (read === 0) break;
    hash.update(piece.subarray(0, read));
    bytes += read;
    onBytes(bytes);
  }
  return { hash: hash.digest('hex'), bytes };
}
