import type { Readable } from 'node:stream';
import { SlipwayError } from '@slipway/plugin-api';

/** All that a stream brings. Errors: `resource-exhausted` beyond the limit, in bytes. */
export async function collect(stream: Readable | undefined, limit: number, name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream ?? []) {
    const buffer = chunk as Buffer;
    bytes += buffer.byteLength;
    if (bytes > limit) {
      throw new SlipwayError({
        kind: 'resource-exhausted',
        code: 'OUTPUT_TOO_LARGE',
        message: `${name} of the container has more than ${limit} bytes`,
        hint: 'read the streams of the container instead of collecting them, or raise maxBytes',
      });
    }
    chunks.push(buffer);
  }
  return Buffer.concat(chunks);
}
