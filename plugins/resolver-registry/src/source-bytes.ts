import { createHash, type Hash } from 'node:crypto';
import { parseDigest } from '@slipway/oci';
import { type Descriptor, type Fetcher, SlipwayError } from '@slipway/plugin-api';

/** The bytes from `offset` on to the end. Errors: `failed-precondition` when there are more or fewer than the descriptor says. */
export async function* sourceBytes(
  source: Fetcher,
  descriptor: Descriptor,
  offset: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  await using content = await source.fetch(descriptor, { offset, signal });
  let position = content.offset;
  for await (const chunk of content.body) {
    const end = position + chunk.byteLength;
    if (end > descriptor.size) throw doesNotMatch(descriptor, `has more than ${descriptor.size} bytes`);
    // Where a source cannot start in the middle, it starts at 0.
    if (end > offset) yield position < offset ? chunk.subarray(offset - position) : chunk;
    position = end;
  }
  if (position < descriptor.size) throw doesNotMatch(descriptor, `has ${position} bytes, expected ${descriptor.size}`);
}

/** All of it, with the last piece held back until the digest is that of the descriptor: what is wrong never arrives as a whole. */
export async function* verifiedBytes(
  source: Fetcher,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const hash = hashFor(descriptor);
  let last: Uint8Array | undefined;
  for await (const chunk of sourceBytes(source, descriptor, 0, signal)) {
    if (last !== undefined) yield last;
    hash.update(chunk);
    last = chunk;
  }
  requireDigest(hash, descriptor);
  if (last !== undefined) yield last;
}

export function hashFor({ digest }: Descriptor): Hash {
  return createHash(parseDigest(digest).algorithm);
}

/** Errors: `failed-precondition`. */
export function requireDigest(hash: Hash, descriptor: Descriptor): void {
  const { algorithm } = parseDigest(descriptor.digest);
  const found = `${algorithm}:${hash.digest('hex')}`;
  if (found !== descriptor.digest) throw doesNotMatch(descriptor, `has the digest ${found}`);
}

function doesNotMatch(descriptor: Descriptor, found: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'PUSH_CONTENT_MISMATCH',
    message: `pushing ${descriptor.digest}: what was read ${found}`,
    hint: 'the content is damaged where it comes from; nothing of it was completed in the registry',
    details: { digest: descriptor.digest },
  });
}
