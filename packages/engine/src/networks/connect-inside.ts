import { closeSync } from 'node:fs';
import * as net from 'node:net';
import { linux } from '@slipway/linux';
import { canceled, hasCode, SlipwayError, throwIfAborted, wrapError } from '@slipway/plugin-api';
import { openNamespaceOf } from '../containers/namespace-paths.js';
import type { EngineParts } from '../settings.js';

export interface InsidePort {
  /** Of the container. */
  readonly id: string;
  readonly port: number;
  /** One after the other, until one answers. */
  readonly addresses: readonly string[];
}

/** Nobody is there at this address; another may have somebody. */
const nobody = ['ECONNREFUSED', 'EADDRNOTAVAIL', 'ENETUNREACH', 'EHOSTUNREACH', 'EAFNOSUPPORT'] as const;

/** A connection that begins in the container's network. Errors: CONTAINER_NOT_RUNNING, `unavailable` with CONNECTION_REFUSED, `canceled`. */
export async function connectInside(parts: EngineParts, inside: InsidePort, signal: AbortSignal): Promise<net.Socket> {
  const what = `connect to port ${inside.port} of container "${inside.id.slice(0, 12)}"`;
  let cause: unknown;
  for (const address of inside.addresses) {
    throwIfAborted(what, signal);
    try {
      return await connected(await socketInside(parts, inside.id, address), { host: address, port: inside.port }, signal);
    } catch (error) {
      if (signal.aborted) throw canceled(what, signal);
      if (!hasCode(error, ...nobody)) throw wrapError(what, error);
      cause ??= error;
    }
  }
  throw new SlipwayError({
    kind: 'unavailable',
    code: 'CONNECTION_REFUSED',
    message: `${what}: nobody listens at ${inside.addresses.join(' or ')}`,
    hint: 'the program in it may not be ready, or listen on another port or address',
    cause,
  });
}

/** The namespace is held no longer than this takes: the socket has it from then on. */
async function socketInside(parts: EngineParts, id: string, address: string): Promise<net.Socket> {
  const namespace = await openNamespaceOf(parts, id, 'network');
  let fd: number;
  try {
    fd = linux.openSocket({ family: net.isIPv6(address) ? 6 : 4, protocol: 'tcp', namespace });
  } finally {
    closeSync(namespace);
  }
  try {
    return new net.Socket({ fd, allowHalfOpen: true, readable: true, writable: true });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Without a turn of the event loop between socket and connect: Node reads from what it is given, and what is not connected ends at once. */
function connected(
  socket: net.Socket,
  to: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<net.Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const abort = (): void => void socket.destroy(canceled('connect', signal));
  signal.addEventListener('abort', abort, { once: true });
  socket.once('error', reject);
  socket.connect(to, () => {
    socket.off('error', reject);
    resolve(socket);
  });
  return promise.finally(() => signal.removeEventListener('abort', abort));
}
