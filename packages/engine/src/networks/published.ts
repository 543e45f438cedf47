import { type PublishedPort, SlipwayError } from '@slipway/plugin-api';
import { containerById, type FoundContainer } from '../containers/find.js';
import { containerState } from '../containers/state.js';
import type { EngineParts } from '../settings.js';
import { checkPort, checkProtocol } from './check.js';
import { readNetworkRecord } from './record.js';

/** Where the host passes connections on to it; none where it does not run. */
export async function containerPorts(parts: EngineParts, id: string): Promise<readonly PublishedPort[]> {
  const container = containerById(parts, id);
  return publishedPorts(parts, container, (await containerState(parts, container)).status);
}

/** One that waits for its restart keeps them. */
export function publishedPorts(
  { settings }: Pick<EngineParts, 'settings'>,
  { id, row }: FoundContainer,
  status: string,
): readonly PublishedPort[] {
  const { ports = [], publishAll = false } = row.settings;
  if ((ports.length === 0 && !publishAll) || status === 'exited') return [];
  return readNetworkRecord(settings.state, id)?.ports ?? [];
}

/** With several addresses the first: IPv4 before IPv6, in the order of the settings. Errors: PORT_NOT_PUBLISHED, `invalid-argument`. */
export async function containerPort(
  parts: EngineParts,
  id: string,
  containerPort: number,
  protocol: PublishedPort['protocol'],
): Promise<PublishedPort> {
  checkPort('container port', containerPort, 1);
  checkProtocol(protocol);
  const ports = await containerPorts(parts, id);
  const found = ports.find((port) => port.containerPort === containerPort && port.protocol === protocol);
  if (found !== undefined) return found;
  const { name } = containerById(parts, id).row;
  throw new SlipwayError({
    kind: 'not-found',
    code: 'PORT_NOT_PUBLISHED',
    message: `port ${containerPort}/${protocol} of container ${JSON.stringify(name)} is not published${ports.length === 0 ? ', as none is' : ''}`,
    hint: 'ports are published when a container is made: slipway run -p 8080:80',
    details: { id, name, containerPort, protocol },
  });
}
