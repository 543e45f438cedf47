import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SlowRegistry extends AsyncDisposable {
  readonly address: string;
  /** Fulfils when something has been held back. */
  readonly stalled: Promise<void>;
}

/** Where an answer stops for ever: before its head, or after the first bytes of its body. */
export type Stall = 'head' | 'body' | undefined;

/** A registry in front of another, that holds back the answers which `stall` picks by their path. */
export async function startSlowRegistry(upstream: string, stall: (path: string) => Stall): Promise<SlowRegistry> {
  let tell = (): void => {};
  const stalled = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const server = createServer((incoming, outgoing) => {
    const where = stall(incoming.url ?? '');
    if (where === 'head') tell();
    else forward(upstream, incoming, outgoing, where === 'body' ? tell : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stalled,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function forward(upstream: string, incoming: IncomingMessage, outgoing: ServerResponse, stall?: () => void): void {
  outgoing.on('error', () => {});
  const url = new URL(incoming.url ?? '', `http://${upstream}`);
  const headers = { ...incoming.headers, host: upstream };
  const asked = request(url, { method: incoming.method ?? 'GET', headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    if (stall === undefined) {
      answer.pipe(outgoing);
      return;
    }
    answer.once('data', (chunk: Buffer) => {
      outgoing.write(chunk.subarray(0, Math.ceil(chunk.length / 2)));
      answer.destroy();
      stall();
    });
  });
  asked.on('error', () => outgoing.destroy());
  asked.end();
}
