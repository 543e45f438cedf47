import { isIP } from 'node:net';
import { type ContainerSettings, type EgressPolicy, type NetworkAttachment, step } from '@slipway/plugin-api';
import type { ContainerRow } from '../metadata/containers.js';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { isHostName } from './check.js';
import { tellNetworkEvent } from './network-event.js';
import { networkPluginOf, requireNetworkPlugin } from './plugin.js';
import { isOfFamily } from './ports.js';
import type { PreparedNetwork } from './prepare-network.js';
import { writeNetworkRecord } from './record.js';
import { familyMissing } from './refusals.js';

export interface AttachNetworks {
  readonly id: string;
  readonly row: Pick<ContainerRow, 'name' | 'network' | 'settings'>;
  readonly prepared: PreparedNetwork;
  readonly hostname: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Joins its networks, from inside the namespace that was made for it. Who is killed meanwhile leaves the record, in the bundle, of what may be attached. One that joins nothing now may be
 * connected while it runs: what its end has to do stands in the operation either way.
 */
export async function attachNetworks(
  parts: EngineParts,
  operation: Operation,
  request: AttachNetworks,
): Promise<readonly NetworkAttachment[]> {
  const { id, row, prepared, hostname, signal } = request;
  const { mode, held, namespace } = prepared;
  const plugin = networkPluginOf(parts, row);
  if (mode.kind === 'host' || mode.kind === 'container') return [];
  if (plugin !== undefined) operation.acquire({ kind: 'network', plugin, id });
  if (mode.kind !== 'networks' || namespace === undefined) return [];
  const network = await requireNetworkPlugin(parts, plugin);
  const ports = held?.ports ?? [];
  writeNetworkRecord(parts.settings.state, id, { plugin: plugin ?? '', ports });
  step('network.recorded', { id });
  const attachments = await network.attach({
    id,
    namespace: namespacePath(namespace),
    networks: mode.networks,
    names: namesOf(id, row.name, hostname),
    ports,
    egress: egressOf(row.settings),
    nameservers: row.settings.dns?.servers,
    signal,
  });
  step('network.attached', { id });
  const addresses = attachments.flatMap((attachment) => attachment.addresses);
  const passedOn = ports.filter((port) => isOfFamily(port, addresses));
  for (const { hostAddress } of row.settings.ports ?? [])
    if (hostAddress !== undefined && !isOfFamily({ hostAddress }, addresses)) throw familyMissing(row.name, hostAddress);
  if (passedOn.length < ports.length) writeNetworkRecord(parts.settings.state, id, { plugin: plugin ?? '', ports: passedOn });
  for (const attachment of attachments) tellNetworkEvent(parts, 'connect', attachment.network, id);
  return attachments;
}

/** Others are given it, who may not close or change it. */
export function namespacePath(fd: number): string {
  return `/proc/${process.pid}/fd/${fd}`;
}

/** Names by which others find it: a container may be called as no host can be, and then has its others. */
export function namesOf(id: string, name: string, hostname: string | undefined): readonly string[] {
  const names = [name, ...(hostname === undefined ? [] : [hostname]), id.slice(0, 12)];
  return [...new Set(names)].filter((each) => isHostName(each) && isIP(each) === 0);
}

export function egressOf({ egress }: Pick<ContainerSettings, 'egress'>): EgressPolicy | undefined {
  if (egress === undefined || egress === 'all') return undefined;
  return egress === 'none' ? { allow: [] } : egress;
}
