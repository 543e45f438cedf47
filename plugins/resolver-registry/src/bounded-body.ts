import { quote } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import type { HttpResponse } from './transport.js';
import { transportError } from './transport-errors.js';

/** The whole body, at most `limit` bytes. Errors: `resource-exhausted` with `code`; those of the transport. */
export async function readBounded(response: HttpResponse, limit: number, code: string, signal?: AbortSignal): Promise<Buffer> {
  const what = `reading from ${quote(response.url.host)}`;
  const chunks: Buffer[] = [];
  let size = 0;
  using _end = endingInTime(response);
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > limit)
        throw new SlipwayError({
          kind: 'resource-exhausted',
          code,
          message: `${what}: the answer has more than ${limit} bytes`,
          hint: 'check that host and port are those of a registry',
        });
      chunks.push(chunk);
    }
  } catch (error) {
    throw transportError(what, error, signal);
  }
  return Buffer.concat(chunks, size);
}

/** Ends a body that is not read to its end by its deadline. Disposing lifts that. */
export function endingInTime(response: HttpResponse): Disposable {
  const late = Object.assign(new Error('the deadline passed'), { code: 'UND_ERR_BODY_TIMEOUT' });
  const timer = setTimeout(() => response.body.destroy(late), Math.max(0, response.deadline - performance.now()));
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

const worthReading = 64 * 1024;

/** Ends a response whose body nobody wants: a short one is read, so that the connection can be used again. */
export async function discard(response: HttpResponse): Promise<void> {
  const length = Number(response.headers['content-length'] ?? Number.NaN);
  using _end = endingInTime(response);
  if (length <= worthReading) await response.body.dump({ limit: worthReading }).catch(() => undefined);
  response.body.destroy();
}
