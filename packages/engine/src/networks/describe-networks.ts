import type { ContainerNetwork } from '@slipway/plugin-api';
import type { FoundContainer } from '../containers/find.js';
import { containerState } from '../containers/state.js';
import type { EngineParts } from '../settings.js';
import { networkMode } from './mode.js';
import { requireNetworkPlugin } from './plugin.js';
import { readNetworkRecord } from './record.js';

/** Of a container that runs, or waits for its restart. */
export async function containerNetworks(parts: EngineParts, container: FoundContainer): Promise<readonly ContainerNetwork[]> {
  const { id, row } = container;
  const record = readNetworkRecord(parts.settings.state, id);
  if (record === undefined || (await containerState(parts, container)).status === 'exited') return [];
  const mode = networkMode(row.settings, parts.settings.defaultNetwork);
  const chosen = mode.kind === 'networks' ? mode.networks : [];
  const attachments = await (await requireNetworkPlugin(parts, record.plugin)).attachments(id);
  return attachments.map((attachment) => ({
    ...attachment,
    aliases: chosen.find(({ network }) => network === attachment.network)?.aliases ?? [],
  }));
}
