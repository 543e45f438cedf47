import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

export type Script = (request: IncomingMessage, response: ServerResponse, server: ScriptedServer) => void | Promise<void>;

/** An HTTP server that answers as the test says and remembers what it was asked. */
export class ScriptedServer implements AsyncDisposable {
  readonly log: { readonly line: string; readonly headers: IncomingMessage['headers'] }[] = [];
  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(
    script: Script,
    options: { readonly host?: string; readonly tls?: ServerOptions } = {},
  ): Promise<ScriptedServer> {
    let self: ScriptedServer | undefined;
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      if (self === undefined) return;
      self.log.push({ line: `${request.method} ${request.url}`, headers: request.headers });
      response.on('error', () => undefined);
      Promise.resolve(script(request, response, self)).catch((error: unknown) => response.destroy(error as Error));
    };
    const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, options.host ?? '127.0.0.1', resolve));
    self = new ScriptedServer(server, (server.address() as AddressInfo).port);
    return self;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  lines(): string[] {
    return this.log.map(({ line }) => line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
