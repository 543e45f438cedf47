import * as dgram from 'node:dgram';
import { once } from 'node:events';
import * as net from 'node:net';
import { createInterface } from 'node:readline';
import { type Duplex, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Engine, isSlipwayError, type OpenEngineOptions, openEngine, type PortForward, type RunOptions } from 'slipway';

// A process in a network namespace: an engine, and traffic, for a test that is outside. One line of JSON asks, one answers.
const options = JSON.parse(process.argv[2] ?? 'null') as OpenEngineOptions | null;
let engine: Engine | undefined;
const opened = async (): Promise<Engine> => {
  engine ??= await openEngine(options ?? {});
  return engine;
};
const forwards = new Map<string, PortForward>();

const verbs: Readonly<Record<string, (...args: never[]) => unknown>> = {
  run: async (request: RunOptions) => {
    const container = await (await opened()).run(request);
    if (request.detach) return { id: container.id, name: container.name };
    const { exitCode, stdout, stderr } = await container.output();
    return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  },
  abortRun: async (request: RunOptions, afterMs: number) => {
    await (await opened()).run({ ...request, signal: AbortSignal.timeout(afterMs) });
  },
  create: async (request: RunOptions) => (await (await opened()).containers.create(request)).id,
  networks: async (verb: 'create', ...args: [string]) => (await opened()).networks[verb](...args),
  containers: async (verb: 'list', ...args: []) => (await opened()).containers[verb](...args),
  container: async (name: string, verb: 'inspect', ...args: []) => (await (await opened()).containers.get(name))[verb](...args),
  networkCounts: async (name: string) => {
    const { network } = await (await (await opened()).containers.get(name)).stats();
    return { received: Number(network?.receivedBytes), sent: Number(network?.sentBytes) };
  },
  exec: async (name: string, ...args: string[]) => {
    const exec = await (await (await opened()).containers.get(name)).exec({ args });
    const { exitCode, stdout, stderr } = await exec.output();
    return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  },
  forward: async (key: string, name: string, port: number) => {
    const forward = await (await (await opened()).containers.get(name)).forward(port);
    forwards.set(key, forward);
    return { hostAddress: forward.hostAddress, hostPort: forward.hostPort };
  },
  throughForward: async (key: string, message: string) => echo((await forwards.get(key)?.connect()) as Duplex, message),
  endForward: async (key: string) => forwards.get(key)?.[Symbol.asyncDispose](),
  close: async () => {
    await engine?.[Symbol.asyncDispose]();
    engine = undefined;
  },
  tcp: async (host: string, port: number, message: string) => {
    return echo(await connected(host, port), message);
  },
  many: async (host: string, port: number, count: number, bytes: number) => {
    const message = 'x'.repeat(bytes);
    const answers = await Promise.all(Array.from({ length: count }, async () => echo(await connected(host, port), message)));
    return answers.filter((answer) => answer.endsWith(`|${message}`)).length;
  },
  /** A program of a detached container has said so. */
  isUp: async (name: string) => {
    const container = await (await opened()).containers.get(name);
    for await (const { line } of container.logs({ follow: true })) if (line === 'up') return;
    throw new Error(`${name} has ended before it was up`);
  },
  /** Until the other end ends it. */
  hold: async (host: string, port: number) => {
    const socket = net.connect({ host, port }).resume();
    socket.on('error', () => {});
    await once(socket, 'close');
  },
  udp,
};

/** All of the answer to all of the message: the end of one is told before the end of the other. */
async function echo(socket: Duplex, message: string): Promise<string> {
  const answer = text(Readable.from(socket));
  socket.end(message);
  return answer;
}

async function connected(host: string, port: number): Promise<net.Socket> {
  const socket = net.connect({ host, port, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

/** A datagram may be lost while addresses are looked for. */
async function udp(host: string, port: number, message: string): Promise<string> {
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    const answer = once(socket, 'message') as Promise<[Buffer]>;
    for (let tries = 0; tries < 20; tries++) {
      socket.send(message, port, host);
      const [found] = await Promise.race([answer, sleep(200, [undefined])]);
      if (found !== undefined) return found.toString();
    }
    throw new Error(`no answer from ${host}, port ${port}`);
  } finally {
    socket.close();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { number, verb, args } = JSON.parse(line) as { number: number; verb: string; args: never[] };
  void Promise.resolve()
    .then(() => verbs[verb]?.(...args))
    .then(
      (value) => ({ number, value: value ?? null }),
      (error: unknown) => ({
        number,
        error: isSlipwayError(error)
          ? { kind: error.kind, code: error.code, message: error.message, details: error.details }
          : { message: String(error) },
      }),
    )
    .then((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`));
}
await engine?.[Symbol.asyncDispose]();
process.exit(0);
