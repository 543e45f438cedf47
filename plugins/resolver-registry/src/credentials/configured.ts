import { open } from 'node:fs/promises';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import type { RegistryConfig } from '../config.js';
import { ownEntry } from '../hosts.js';
import type { FoundCredential } from './credential.js';

const maxPasswordFile = 64 * 1024;

/** The credentials configured for exactly this registry, read anew each time. */
export async function configuredCredential(registry: string, config: RegistryConfig): Promise<FoundCredential | undefined> {
  const entry = ownEntry(config.auth, registry);
  if (entry === undefined) return undefined;
  const password = entry.password ?? (await readPassword(entry.password_file ?? ''));
  return {
    credential: { kind: 'password', username: entry.username, password },
    source: `[plugin.resolver-registry.auth."${registry}"]`,
  };
}

async function readPassword(file: string): Promise<string> {
  try {
    await using handle = await open(file, 'r');
    const buffer = Buffer.alloc(maxPasswordFile + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    if (bytesRead > maxPasswordFile)
      throw new SlipwayError({
        kind: 'invalid-argument',
        code: 'REGISTRY_PASSWORD_FILE_TOO_LARGE',
        message: `password_file "${file}" has more than ${maxPasswordFile} bytes`,
      });
    return buffer.toString('utf8', 0, bytesRead).replace(/\r?\n$/, '');
  } catch (error) {
    throw wrapError(`reading password_file "${file}"`, error);
  }
}
