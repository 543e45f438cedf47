import { closeSync } from 'node:fs';
import { linux } from '@slipway/linux';
import { SlipwayError, step } from '@slipway/plugin-api';
import { run } from '../command.js';
import { type NamespacePlace, namespaceAt } from './namespace.js';

/** A namespace that nobody is in. */
export interface Staging extends Disposable {
  readonly place: NamespacePlace;
}

/**
 * Where the interface is made for a container that runs already and has an egress policy: what is made in the container's own namespace is the container's to send by at once, before any
 * rule can know of it.
 */
export function openStaging(): Staging {
  const fd = linux.createNetworkNamespace();
  return { place: namespaceAt('make an interface', `/proc/${process.pid}/fd/${fd}`), [Symbol.dispose]: () => closeSync(fd) };
}

export interface StagedInterface {
  readonly name: string;
  /** With prefix lengths. */
  readonly addresses: readonly string[];
  /** Of its default routes; none where another network has them. */
  readonly gateways: readonly string[];
}

/** Moves it to where it is meant for, and sets up there what a move takes away. */
export async function moveIn(
  from: NamespacePlace,
  to: NamespacePlace,
  { name, addresses, gateways }: StagedInterface,
  signal: AbortSignal | undefined,
): Promise<void> {
  await ip(from, [`link set dev ${name} netns ${to.path}`], signal);
  const noProbe = (address: string): string => (address.includes(':') ? ' nodad' : '');
  await ip(
    to,
    [
      ...addresses.map((address) => `address add ${address} dev ${name}${noProbe(address)}`),
      `link set dev ${name} up`,
      ...gateways.map((gateway) => `route add default via ${gateway} dev ${name}`),
    ],
    signal,
  );
  step('network.attach.moved', { interface: name });
}

async function ip(namespace: NamespacePlace, lines: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  const { code, output, errors } = await run(
    'nsenter',
    [`--net=${namespace.path}`, 'ip', '-batch', '-'],
    `${lines.join('\n')}\n`,
    { signal },
  );
  if (code === 0) return;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'NETWORK_INTERFACE_NOT_MOVED',
    message: `set up an interface in the container: ${`${errors} ${output}`.trim().replaceAll(/\s+/g, ' ').slice(0, 400)}`,
  });
}
