import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Configuration by which each GET of a layer is a download of its own, however slow the machine makes the registry. */
export const oneConnection = '[plugin.resolver-registry]\nconnections_per_layer = 1';

export interface SlowRegistry extends AsyncDisposable {
  readonly address: string;
  /** Fulfils when something has been held back. */
  readonly stalled: Promise<void>;
  /** Everything that was asked for, in order. */
  readonly requests: readonly RegistryRequest[];
}

export interface RegistryRequest {
  readonly method: string;
  readonly path: string;
  /** The header of that name. */
  readonly range: string | undefined;
}

/** Where an answer stops for ever: before its head, after the first bytes of its body, or after so many bytes of it. A promise: until it is fulfilled. */
export type Stall = 'head' | 'body' | number | Promise<void> | undefined;

/** A registry in front of another, that holds back the answers which `stall` picks by their path. */
export async function startSlowRegistry(upstream: string, stall: (path: string) => Stall): Promise<SlowRegistry> {
  let tell = (): void => {};
  const stalled = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const requests: RegistryRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    requests.push({ method: incoming.method ?? '', path: incoming.url ?? '', range: incoming.headers.range });
    const where = stall(incoming.url ?? '');
    if (where === 'head') tell();
    else if (where instanceof Promise) void where.then(() => forward(upstream, incoming, outgoing, undefined, tell));
    else forward(upstream, incoming, outgoing, where, tell);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stalled,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function forward(
  upstream: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  where: 'body' | number | undefined,
  tell: () => void,
): void {
  outgoing.on('error', () => {});
  const url = new URL(incoming.url ?? '', `http://${upstream}`);
  const headers = { ...incoming.headers, host: upstream };
  const asked = request(url, { method: incoming.method ?? 'GET', headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    if (where === undefined) {
      answer.pipe(outgoing);
      return;
    }
    let left = where;
    answer.on('data', (chunk: Buffer) => {
      const part = left === 'body' ? Math.ceil(chunk.length / 2) : Math.min(left, chunk.length);
      outgoing.write(chunk.subarray(0, part));
      left = left === 'body' ? 0 : left - part;
      if (left > 0) return;
      answer.destroy();
      tell();
    });
  });
  asked.on('error', () => outgoing.destroy());
  asked.end();
}
