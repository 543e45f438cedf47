import { randomBytes } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Link, SlowLink } from '../src/ranges/slow-link.ts';

const bytes = randomBytes(1_000_000);
const server = createServer((_request, response) => response.end(bytes));

beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function fetched(link: Link, method: string): Promise<{ body: Buffer; ms: number; connections: number }> {
  await using slow = await SlowLink.to((server.address() as AddressInfo).port, link);
  const start = performance.now();
  const body = await new Promise<Buffer>((resolve, reject) => {
    const asking = request(`http://${slow.address}/`, { method, headers: { connection: 'close' } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve(Buffer.concat(chunks)));
      answer.on('error', reject);
    });
    asking.on('error', reject);
    asking.end();
  });
  return { body, ms: performance.now() - start, connections: slow.connections };
}

describe('a slow link', () => {
  it('brings everything that was sent, and no earlier than it may', async () => {
    const link = { delayMs: 30, windowBytes: 6 * 2 ** 20 };
    const { body, ms, connections } = await fetched(link, 'GET');
    expect(body.equals(bytes)).toBe(true);
    expect(connections).toBe(1);
    // The handshake, the request and the first window; then windows that double until a million bytes are there.
    expect(ms).toBeGreaterThan(4 * 30 + 5 * 60);
  });

  it('brings no more in a second than it may', async () => {
    const { body, ms } = await fetched({ delayMs: 0, bytesPerSecond: 4e6, windowBytes: Number.POSITIVE_INFINITY }, 'GET');
    expect(body.equals(bytes)).toBe(true);
    expect(ms).toBeGreaterThan(200);
  });

  it('brings an answer without a body whose connection closes', async () => {
    expect((await fetched({ delayMs: 30, windowBytes: 2 ** 20 }, 'HEAD')).body).toHaveLength(0);
  });
});
