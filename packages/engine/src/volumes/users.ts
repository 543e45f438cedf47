import { containersTable } from '../metadata/containers.js';
import { rowPrefix } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';

/** Names of the containers that have a volume, running or not, by driver and name. */
export function volumeUsers(parts: Pick<EngineParts, 'metadata'>): (driver: string, name: string) => readonly string[] {
  const users = new Map<string, Set<string>>();
  parts.metadata.read((tx) => {
    for (const [, row] of tx.entries(containersTable, { prefix: rowPrefix })) {
      for (const volume of row.volumes) {
        const key = keyOf(volume.driver, volume.name);
        const names = users.get(key) ?? new Set();
        users.set(key, names.add(row.name));
      }
    }
  });
  return (driver, name) => [...(users.get(keyOf(driver, name)) ?? [])].toSorted();
}

/** Neither part has a slash of its own. */
function keyOf(driver: string, name: string): string {
  return `${driver}/${name}`;
}
