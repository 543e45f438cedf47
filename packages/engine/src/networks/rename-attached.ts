import type { EngineParts } from '../settings.js';
import { namesOf } from './attach-networks.js';
import { requireNetworkPlugin } from './plugin.js';
import { readNetworkRecord } from './record.js';
import { hostnameOf } from './running-network.js';

/** Others of its networks find it by its new name. It has that also where this fails; a restart tells them. */
export async function renameAttached(parts: EngineParts, id: string, name: string): Promise<void> {
  try {
    const record = readNetworkRecord(parts.settings.state, id);
    if (record === undefined) return;
    const network = await requireNetworkPlugin(parts, record.plugin);
    await network.rename(id, namesOf(id, name, await hostnameOf(parts, id)));
  } catch (error) {
    parts.log.warn(`others do not find container "${id}" by its new name ${JSON.stringify(name)}: ${String(error)}`);
  }
}
