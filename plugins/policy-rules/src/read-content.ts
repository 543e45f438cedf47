import { digestOf, parseDigest, quote } from '@slipway/oci';
import { type Descriptor, type Fetcher, SlipwayError, throwIfAborted } from '@slipway/plugin-api';

/** What a source yields is not verified: the bytes must be as many as the descriptor says, at most `limit`, and have its digest. */
export async function readContent(
  fetcher: Fetcher,
  descriptor: Descriptor,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const { digest, size } = descriptor;
  if (size > limit) throw unusable('resource-exhausted', digest, `has ${size} bytes, at most ${limit} are read`);
  await using fetched = await fetcher.fetch(descriptor, { signal });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of fetched.body) {
    throwIfAborted('check of signatures', signal);
    bytes += chunk.byteLength;
    if (bytes > size) throw unusable('failed-precondition', digest, `has more than ${size} bytes`);
    chunks.push(Uint8Array.from(chunk));
  }
  const content = Buffer.concat(chunks);
  const found = digestOf(content, parseDigest(digest).algorithm);
  if (found === digest && bytes === size) return content;
  throw unusable('failed-precondition', digest, `came with the digest ${quote(found)}`);
}

function unusable(kind: 'failed-precondition' | 'resource-exhausted', digest: string, why: string): SlipwayError {
  return new SlipwayError({ kind, code: 'RULES_CONTENT_WRONG', message: `content ${quote(digest)} ${why}` });
}
