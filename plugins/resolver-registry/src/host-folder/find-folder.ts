import { stat } from 'node:fs/promises';
import path from 'node:path';
import { quote } from '@slipway/oci';
import { hasCode, wrapError } from '@slipway/plugin-api';

/**
 * The folder for exactly this host and port, in the first place that has one: `host_port_`, as file systems without colons need it, or
 * `host:port`; then the first `_default`.
 */
export async function findHostFolder(registry: string, places: readonly string[]): Promise<string | undefined> {
  const colonless = registry.replace(/:([0-9]+)$/, '_$1_').replaceAll(':', '');
  for (const names of [new Set([colonless, registry]), ['_default']])
    for (const place of places)
      for (const name of names) {
        const folder = path.join(place, name);
        if (await isFolder(folder)) return folder;
      }
  return undefined;
}

async function isFolder(folder: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return false;
    throw wrapError(`looking for settings of registry hosts in ${quote(folder)}`, error);
  }
}
