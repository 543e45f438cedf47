import { quote } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import type { RegistryConfig } from '../config.js';
import { ownEntry } from '../hosts.js';
import { requireSmallFile } from '../read-file.js';
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
  const invalid = (why: string): SlipwayError =>
    new SlipwayError({
      kind: 'invalid-argument',
      code: 'REGISTRY_PASSWORD_FILE_INVALID',
      message: `password_file ${quote(file)} ${why}`,
      hint: 'correct the path in the configuration of the registry',
    });
  const text = await requireSmallFile(file, { what: 'password_file', maxBytes: maxPasswordFile, invalid });
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw invalid('is empty');
  return password;
}
