import { step } from '@slipway/plugin-api';
import { parseContainerId } from '../bundle/index.js';
import { emitOfContainer } from '../events/emit.js';
import { containerNamesTable, containersTable, takeName } from '../metadata/containers.js';
import { rowKey } from '../metadata/rows.js';
import { readNetworkRecord } from '../networks/record.js';
import type { EngineParts } from '../settings.js';
import { containerNotFound, lookUp } from './find.js';

/** In one transaction: of two that want one name one gets it. Errors: `already-exists`, `invalid-argument`. */
export async function renameContainer(parts: EngineParts, id: string, name: string): Promise<void> {
  parseContainerId(name);
  const before = await parts.metadata.write((tx) => {
    const found = lookUp(tx, id);
    if (found === undefined) throw containerNotFound(id);
    takeName(tx, name, id);
    if (found.row.name !== name) tx.delete(containerNamesTable, rowKey(found.row.name));
    tx.put(containersTable, rowKey(id), { ...found.row, name });
    return found.row;
  });
  step('rename.renamed', { id, name });
  if (readNetworkRecord(parts.settings.state, id) !== undefined) {
    const { renameAttached } = await import('../networks/rename-attached.js');
    await renameAttached(parts, id, name);
  }
  emitOfContainer(parts, 'rename', { id, row: { ...before, name } }, { oldName: before.name });
}
