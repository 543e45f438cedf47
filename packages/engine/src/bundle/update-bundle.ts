import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { runtimeJson } from '@slipway/oci';
import { hasCode, type RuntimeResources, type RuntimeSpec, wrapError } from '@slipway/plugin-api';
import { quote } from './invalid.js';

/**
 * Other limits in a folder's config.json, if it has one: a restart by the container's monitor makes it of this file. Rules for devices stay. Replaced whole,
 * for the monitor may read it at any time.
 */
export async function updateBundle(directory: string, resources: RuntimeResources): Promise<void> {
  const file = join(directory, 'config.json');
  const fresh = `${file}.new`;
  try {
    const spec = JSON.parse(await fs.readFile(file, 'utf8')) as RuntimeSpec;
    const linux = { ...spec.linux, resources: { ...resources, ...kept(spec.linux.resources) } };
    await fs.writeFile(fresh, runtimeJson({ ...spec, linux }), { mode: 0o600 });
    await fs.rename(fresh, file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    await fs.rm(fresh, { force: true });
    throw wrapError(`Writing the new limits to ${quote(file)}`, error);
  }
}

function kept({ devices }: RuntimeResources = {}): Pick<RuntimeResources, 'devices'> {
  return devices === undefined ? {} : { devices };
}
