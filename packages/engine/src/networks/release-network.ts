import { isKind, step } from '@slipway/plugin-api';
import { lookUp } from '../containers/find.js';
import type { EngineParts } from '../settings.js';
import { networkMode } from './mode.js';
import { tellNetworkEvent } from './network-event.js';
import { requireNetworkPlugin } from './plugin.js';
import { readNetworkRecord, removeNetworkRecord } from './record.js';

/** After its last process: from all networks. Nothing, and no plugin is loaded, for one that joined none. */
export async function releaseNetwork(parts: EngineParts, id: string): Promise<void> {
  const record = readNetworkRecord(parts.settings.state, id);
  if (record === undefined) return;
  const network = await requireNetworkPlugin(parts, record.plugin);
  const attachments = await network.attachments(id);
  await network.detach(id);
  step('network.detached', { id });
  removeNetworkRecord(parts.settings.state, id);
  // Who connected it between these two has still found the record; who is later finds none, and takes back what it did.
  if ((await network.attachments(id)).length > 0) await network.detach(id);
  for (const attachment of attachments) tellNetworkEvent(parts, 'disconnect', attachment.network, id);
}

/** Of who was cut off between the settings and the network: what the settings say is so. */
export async function releaseConnection(parts: EngineParts, plugin: string, id: string, name: string): Promise<void> {
  const row = parts.metadata.read((tx) => lookUp(tx, id))?.row;
  const mode = row === undefined ? undefined : networkMode(row.settings, parts.settings.defaultNetwork);
  if (mode?.kind === 'networks' && mode.networks.some(({ network }) => network === name)) return;
  try {
    await (await requireNetworkPlugin(parts, plugin)).detach(id, { network: name });
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
  }
}
