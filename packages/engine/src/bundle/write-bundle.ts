import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { runtimeJson } from '@slipway/oci';
import { type RuntimeSpec, wrapError } from '@slipway/plugin-api';
import { quote } from './invalid.js';

/**
 * Makes a bundle: `directory` (0700, new), `config.json` (0600) and an empty `rootfs` (0700) to mount on. Nobody but its owner
 * reaches the tree through it (CVE-2021-41103). Nothing stays when it fails. Not synced: a bundle does not outlive a boot.
 * Errors: `already-exists`; of the file system.
 */
export async function writeBundle(directory: string, spec: RuntimeSpec): Promise<void> {
  const what = `Making bundle ${quote(directory)}`;
  try {
    await fs.mkdir(directory, { mode: 0o700 });
  } catch (error) {
    throw wrapError(what, error);
  }
  try {
    await fs.mkdir(join(directory, 'rootfs'), { mode: 0o700 });
    await fs.writeFile(join(directory, 'config.json'), runtimeJson(spec), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    await fs.rm(directory, { recursive: true, force: true });
    throw wrapError(what, error);
  }
}
