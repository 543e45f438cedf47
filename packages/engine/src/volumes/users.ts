import { containerRows } from '../metadata/container-rows.js';
import type { EngineParts } from '../settings.js';

/** Names of the containers that have a volume, running or not, by driver and name. One whose row cannot be read may have any. */
export function volumeUsers(parts: Pick<EngineParts, 'metadata'>): (driver: string, name: string) => readonly string[] {
  const users = new Map<string, Set<string>>();
  const { readable, unreadable } = parts.metadata.read(containerRows);
  for (const { row } of readable) {
    for (const volume of row.volumes) {
      const key = keyOf(volume.driver, volume.name);
      const names = users.get(key) ?? new Set();
      users.set(key, names.add(row.name));
    }
  }
  const ofAll = unreadable.map(({ id }) => id.slice(0, 12));
  return (driver, name) => [...(users.get(keyOf(driver, name)) ?? []), ...ofAll].toSorted();
}

/** Neither part has a slash of its own. */
function keyOf(driver: string, name: string): string {
  return `${driver}/${name}`;
}
