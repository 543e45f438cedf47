import { once } from 'node:events';
import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import { canceled, type ForwardOptions, isKind, type PortForward, SlipwayError } from '@slipway/plugin-api';
import { checkTypes } from '../containers/option-types.js';
import { requireRunning } from '../containers/runtime-of.js';
import type { EngineParts } from '../settings.js';
import { checkPort } from './check.js';
import { connectInside, type InsidePort } from './connect-inside.js';
import { portRefused } from './hold-ports.js';
import { invalidNetwork } from './invalid.js';
import { machineNetwork } from './refusals.js';

/** Listens until it is disposed of, or the signal aborts. Errors: `invalid-argument`, CONTAINER_NOT_RUNNING, PORT_IN_USE. */
export async function forwardToContainer(
  parts: EngineParts,
  id: string,
  containerPort: number,
  options: ForwardOptions & { readonly signal: AbortSignal },
): Promise<PortForward> {
  checkTypes('forward', options);
  const { hostAddress = '127.0.0.1', hostPort = 0, address, signal } = options;
  checkPort('container port', containerPort, 1);
  checkPort('host port', hostPort, 0);
  for (const each of [hostAddress, ...(address === undefined ? [] : [address])])
    if (net.isIP(each) === 0) throw invalidNetwork('address', each, 'an IPv4 or IPv6 address');
  const { row, state } = await requireRunning(parts, id, { pausedToo: true });
  if (state.machine !== undefined)
    throw machineNetwork(row.name, 'no connection of this host begins in it', `publish the port: -p ${containerPort}`);
  const port = { id, port: containerPort, addresses: address === undefined ? ['127.0.0.1', '::1'] : [address] };
  const forward = new Forward(parts, port, signal);
  try {
    await forward.listen(hostAddress, hostPort);
    return forward;
  } catch (error) {
    await forward[Symbol.asyncDispose]();
    if (signal.aborted) throw canceled(`forward to port ${containerPort}`, signal);
    throw portRefused(parts, { protocol: 'tcp', hostAddress, hostPort }, error, 'listen on');
  }
}

/**
 * Connections of this host's side, each to one made in the container's network namespace. A socket keeps the namespace that it was made in: so with the end of the container all of them go,
 * for others may be given its addresses.
 */
class Forward implements PortForward {
  readonly #parts: EngineParts;
  readonly #inside: InsidePort;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #ending = new AbortController();
  readonly #signal: AbortSignal;
  readonly #abort = (): void => this.#end();
  #isWatched = false;
  #listening: net.AddressInfo | undefined;

  constructor(parts: EngineParts, inside: InsidePort, signal: AbortSignal) {
    this.#parts = parts;
    this.#inside = inside;
    this.#signal = signal;
    this.#server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => void this.#pass(client));
  }

  get hostAddress(): string {
    return this.#listening?.address ?? '';
  }

  get hostPort(): number {
    return this.#listening?.port ?? 0;
  }

  async listen(host: string, port: number): Promise<void> {
    const { signal } = this.#ending;
    this.#signal.addEventListener('abort', this.#abort, { once: true });
    if (this.#signal.aborted) this.#end();
    this.#server.listen({ host, port });
    await once(this.#server, 'listening', { signal });
    this.#listening = this.#server.address() as net.AddressInfo;
    // What hinders one connection, as too many descriptors, is no end of the others.
    this.#server.on('error', (error) => this.#parts.log.warn(`forward to container "${this.#inside.id}": ${String(error)}`));
  }

  async connect({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<Duplex> {
    const ending = this.#ending.signal;
    const socket = await connectInside(
      this.#parts,
      this.#inside,
      signal === undefined ? ending : AbortSignal.any([signal, ending]),
    );
    this.#keep(socket);
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    this.#end();
    await closed;
  }

  #end(): void {
    this.#signal.removeEventListener('abort', this.#abort);
    this.#ending.abort(new SlipwayError({ kind: 'canceled', code: 'FORWARD_ENDED', message: 'the forward was ended' }));
    this.#server.close();
    this.#endConnections();
  }

  #endConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #pass(client: net.Socket): Promise<void> {
    // Who leaves before there is anything to tell it.
    client.on('error', () => {});
    this.#keep(client);
    try {
      const inside = await this.connect();
      join(client, inside as net.Socket);
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#parts.log.debug(`forward to container "${this.#inside.id}": ${String(error)}`);
      client.resetAndDestroy();
    }
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#ending.signal.aborted) socket.destroy();
    else void this.#watch();
  }

  /** One watch for all, as long as the container runs. Where its monitor was killed its end is not seen, and its sockets end with its processes. */
  async #watch(): Promise<void> {
    if (this.#isWatched) return;
    this.#isWatched = true;
    try {
      const { runtime, id } = await requireRunning(this.#parts, this.#inside.id, { pausedToo: true });
      await runtime.wait(id, { signal: this.#ending.signal });
      this.#endConnections();
    } catch (error) {
      if (isKind(error, 'not-found', 'failed-precondition')) this.#endConnections();
    } finally {
      this.#isWatched = false;
    }
  }
}

/** Each end is passed on by itself; what breaks one breaks the other. */
function join(one: net.Socket, other: net.Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => to.resetAndDestroy());
    from.once('close', () => {
      if (!from.readableEnded) to.destroy();
    });
    from.pipe(to);
  }
}
