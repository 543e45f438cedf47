import { createSocket, type RemoteInfo } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { connect, createServer, isIPv6 } from 'node:net';

// A program in a network namespace. It is told what to do by its parent.

export type AgentRequest =
  | { readonly do: 'serve'; readonly protocol: 'tcp' | 'udp'; readonly tag: string; readonly port: number }
  | { readonly do: 'seen' }
  | { readonly do: 'flood'; readonly host: string; readonly port: number }
  | {
      readonly do: 'ask';
      readonly protocol: 'tcp' | 'udp';
      readonly host: string;
      readonly port: number;
      readonly timeoutMs: number;
    }
  | { readonly do: 'resolve'; readonly name: string; readonly family: 4 | 6; readonly server: string };

export interface AgentAnswer {
  readonly call: number;
  readonly answer: string;
}

const seen: string[] = [];

function serve({ protocol, tag, port }: AgentRequest & { readonly do: 'serve' }): Promise<string> {
  return new Promise((resolve, reject) => {
    const came = (address = ''): string => {
      seen.push(address.replace(/^::ffff:/, ''));
      return `${tag} ${address.replace(/^::ffff:/, '')}`;
    };
    if (protocol === 'tcp') {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.end(came(socket.remoteAddress));
      });
      server.once('error', reject);
      server.listen(port, '::', () => resolve(String((server.address() as { readonly port: number }).port)));
      return;
    }
    const socket = createSocket('udp6');
    socket.on('message', (_: Buffer, { address, port: from }: RemoteInfo) => socket.send(came(address), from, address));
    socket.once('error', reject);
    socket.bind(port, '::', () => resolve(String(socket.address().port)));
  });
}

function ask({ protocol, host, port, timeoutMs }: AgentRequest & { readonly do: 'ask' }): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    if (protocol === 'tcp') {
      const socket = connect({ host, port });
      const timer = setTimeout(() => socket.destroy(), timeoutMs);
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        text = error.code ?? error.message;
      });
      socket.on('close', () => {
        clearTimeout(timer);
        resolve(text === '' ? 'timeout' : text);
      });
      return;
    }
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const end = (answer: string): void => {
      clearTimeout(timer);
      if (text !== '') return;
      text = answer;
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end('timeout'), timeoutMs);
    socket.on('message', (chunk: Buffer) => end(chunk.toString()));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    // Connected, so that what the other end refuses is told.
    socket.connect(port, host, (error?: NodeJS.ErrnoException) => {
      if (error === undefined || error === null) socket.send('hello');
      else end(error.code ?? error.message);
    });
  });
}

/** As often as can be, from now on. */
function flood({ host, port }: AgentRequest & { readonly do: 'flood' }): string {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  socket.on('error', () => undefined);
  const send = (): void => {
    socket.send('hello', port, host, () => setImmediate(send));
  };
  send();
  return '';
}

async function resolveName({ name, family, server }: AgentRequest & { readonly do: 'resolve' }): Promise<string> {
  const resolver = new Resolver({ timeout: 1500, tries: 1 });
  resolver.setServers([isIPv6(server) ? `[${server}]` : server]);
  return (await (family === 4 ? resolver.resolve4(name) : resolver.resolve6(name))).sort().join(' ');
}

async function answerTo(request: AgentRequest): Promise<string> {
  switch (request.do) {
    case 'serve':
      return await serve(request);
    case 'seen':
      return JSON.stringify(seen);
    case 'flood':
      return flood(request);
    case 'ask':
      return await ask(request);
    case 'resolve':
      return await resolveName(request);
  }
}

process.on('message', (message) => {
  const { call, request } = message as { readonly call: number; readonly request: AgentRequest };
  answerTo(request)
    .catch((error: NodeJS.ErrnoException) => error.code ?? error.message)
    .then((answer) => process.send?.({ call, answer } satisfies AgentAnswer))
    // The parent has gone.
    .catch(() => process.exit(0));
});
process.on('disconnect', () => process.exit(0));
