import { closeSync } from 'node:fs';
import { type HeldPort, linux } from '@slipway/linux';
import { hasCode, type PortSettings, type PublishedPort, SlipwayError, wrapError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { portTaken } from './port-taken.js';
import { describePort } from './ports.js';

/** Ports of this host that nobody else gets, as long as a process has their descriptors open. Disposing closes ours. */
export interface HeldPorts extends Disposable {
  readonly ports: readonly PublishedPort[];
  readonly fds: readonly number[];
}

interface HeldPublished {
  readonly fd: number;
  readonly port: PublishedPort;
}

const everywhere = ['0.0.0.0', '::'];
/** A port that is free in one family may not be so in the other. */
const maxAttempts = 20;

/**
 * All of them, or none. They are bound in this process' network namespace, where the host's programs and every other container's ports are: so the kernel finds every conflict.
 * Errors: PORT_IN_USE, HOST_ADDRESS_UNKNOWN, `permission-denied`, `unimplemented` (a protocol that this kernel lacks).
 */
export function holdPorts(parts: Pick<EngineParts, 'settings' | 'metadata'>, wanted: readonly PortSettings[]): HeldPorts {
  const held: HeldPublished[] = [];
  const close = (): void => closeAll(held);
  try {
    for (const port of wanted) held.push(...holdOne(parts, port));
  } catch (error) {
    close();
    throw error;
  }
  return { ports: held.map(({ port }) => port), fds: held.map(({ fd }) => fd), [Symbol.dispose]: close };
}

function holdOne(parts: Pick<EngineParts, 'settings' | 'metadata'>, port: PortSettings): HeldPublished[] {
  for (let attempt = 1; ; attempt++) {
    try {
      return holdEverywhere(parts, port);
    } catch (error) {
      if (!hasCode(error, 'PORT_IN_USE') || (port.hostPort ?? 0) !== 0 || attempt >= maxAttempts) throw error;
    }
  }
}

/** One port for both families, where no address is named; a host without IPv6 has the other one. */
function holdEverywhere(parts: Pick<EngineParts, 'settings' | 'metadata'>, port: PortSettings): HeldPublished[] {
  const { containerPort, hostAddress, protocol = 'tcp' } = port;
  const held: HeldPublished[] = [];
  let hostPort = port.hostPort ?? 0;
  try {
    for (const address of hostAddress === undefined ? everywhere : [hostAddress]) {
      const one = hold(parts, { protocol, hostAddress: address, hostPort }, hostAddress === undefined);
      if (one === undefined) continue;
      hostPort = one.port;
      held.push({ fd: one.fd, port: { protocol, hostAddress: address, hostPort, containerPort } });
    }
  } catch (error) {
    closeAll(held);
    throw error;
  }
  return held;
}

function hold(
  parts: Pick<EngineParts, 'settings' | 'metadata'>,
  port: Omit<PublishedPort, 'containerPort'>,
  isOptional: boolean,
): HeldPort | undefined {
  const { protocol, hostAddress, hostPort } = port;
  try {
    return linux.holdPort({ protocol, address: hostAddress, port: hostPort });
  } catch (error) {
    if (isOptional && hasCode(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL') && hostAddress.includes(':')) return undefined;
    throw portRefused(parts, port, error);
  }
}

/** What the kernel says to who would have a port. */
export function portRefused(
  parts: Pick<EngineParts, 'settings' | 'metadata'>,
  port: Omit<PublishedPort, 'containerPort'>,
  cause: unknown,
  what = 'publish',
): SlipwayError {
  const { hostAddress, protocol } = port;
  if (hasCode(cause, 'EADDRINUSE')) return portTaken(parts, port, cause);
  if (hasCode(cause, 'EADDRNOTAVAIL', 'EAFNOSUPPORT'))
    return new SlipwayError({
      kind: 'failed-precondition',
      code: 'HOST_ADDRESS_UNKNOWN',
      message: `${what} ${describePort(port)}: ${JSON.stringify(hostAddress)} is no address of this host`,
      hint: `\`ip address\` lists those it has${what === 'publish' ? '; without an address it is published on all' : ''}`,
      cause,
    });
  if (hasCode(cause, 'EPROTONOSUPPORT', 'ESOCKTNOSUPPORT'))
    return new SlipwayError({
      kind: 'unimplemented',
      code: 'PROTOCOL_NOT_SUPPORTED',
      message: `${what} ${describePort(port)}: this kernel has no ${protocol}`,
      hint: `modprobe ${protocol}`,
      cause,
    });
  return wrapError(`${what} ${describePort(port)}`, cause);
}

function closeAll(held: HeldPublished[]): void {
  for (const { fd } of held.splice(0)) closeSync(fd);
}
