import type { NetworkChoice } from '@slipway/plugin-api';
import { containerNotFound, lookUp } from '../containers/find.js';
import { containersTable } from '../metadata/containers.js';
import { rowKey } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';
import { networkMode } from './mode.js';

/** What it has from its next start on, in one transaction. Errors: `not-found`, and what `change` throws. */
export async function changeNetworks(
  parts: Pick<EngineParts, 'metadata' | 'settings'>,
  id: string,
  change: (networks: readonly NetworkChoice[]) => readonly NetworkChoice[],
): Promise<void> {
  await parts.metadata.write((tx) => {
    const found = lookUp(tx, id);
    if (found === undefined) throw containerNotFound(id);
    const mode = networkMode(found.row.settings, parts.settings.defaultNetwork);
    const network = change(mode.kind === 'networks' ? mode.networks : []);
    tx.put(containersTable, rowKey(id), { ...found.row, settings: { ...found.row.settings, network } });
  });
}
