import { createHash } from 'node:crypto';
import { parseDigest } from '@slipway/oci';
import { type Descriptor, type Fetcher, throwIfAborted } from '@slipway/plugin-api';
import { archiveError } from '../errors.js';

/**
 * The content of a descriptor, hashed as it passes. What is not its content ends in an error after the last chunk, or at the first byte too many.
 * Errors: `ARCHIVE_CONTENT_MISMATCH`.
 */
export async function* verified(
  descriptor: Descriptor,
  source: Fetcher,
  signal: AbortSignal | undefined,
  onProgress?: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const { digest, size } = descriptor;
  const hash = createHash(parseDigest(digest).algorithm);
  let bytes = 0;
  await using content = await source.fetch(descriptor, { signal });
  for await (const chunk of content.body) {
    throwIfAborted(`write "${digest}"`, signal);
    bytes += chunk.byteLength;
    if (bytes > size) throw mismatch(descriptor, `it has more than its ${size} bytes`);
    hash.update(chunk);
    yield chunk;
    onProgress?.(bytes);
  }
  if (bytes !== size) throw mismatch(descriptor, `it has ${bytes} bytes, expected ${size}`);
  const found = `${parseDigest(digest).algorithm}:${hash.digest('hex')}`;
  if (found !== digest) throw mismatch(descriptor, `its bytes have the digest "${found}"`);
}

/** {@link verified} in memory. Errors: also `resource-exhausted` over `limit` bytes. */
export async function verifiedBytes(
  descriptor: Descriptor,
  source: Fetcher,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  if (descriptor.size > limit)
    throw archiveError(
      'ARCHIVE_TOO_LARGE',
      `document "${descriptor.digest}" has ${descriptor.size} bytes, at most ${limit} are read`,
    );
  const chunks: Uint8Array[] = [];
  for await (const chunk of verified(descriptor, source, signal)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function mismatch({ digest }: Descriptor, problem: string): Error {
  return archiveError('ARCHIVE_CONTENT_MISMATCH', `content "${digest}": ${problem}`, { details: { digest } });
}
