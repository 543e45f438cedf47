import { quote } from '@slipway/oci';
import type { RegistryConfig } from '../config.js';
import { decodeEntry } from './auth-entry.js';
import { authFilePlaces } from './auth-files.js';
import { dockerHubKey, dockerKey, keyFor } from './auth-keys.js';
import { configuredCredential } from './configured.js';
import type { FoundCredential } from './credential.js';
import { CredentialHelper } from './credential-helper.js';
import { type AuthFile, readAuthFile } from './read-auth-file.js';

export type FindCredential = (repository: string, signal: AbortSignal | undefined) => Promise<FoundCredential | undefined>;

/**
 * What opens this registry for this repository: from the configuration, or from the first file of docker's and containers' that has
 * something. All is read anew each time. Errors: `invalid-argument` for a broken file, those of helpers: without credentials the
 * registry would only say that there is no such repository.
 */
export async function findCredential(
  registry: string,
  repository: string,
  config: RegistryConfig,
  signal?: AbortSignal,
): Promise<FoundCredential | undefined> {
  const configured = await configuredCredential(registry, config);
  if (configured !== undefined) return configured;
  for (const path of authFilePlaces(config.auth_file).files) {
    const file = await readAuthFile(path);
    const found = file && (await credentialIn(file, registry, repository, config, signal));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** In this file: its helper for the registry, then its helper for all, then what it has itself. */
export async function credentialIn(
  file: AuthFile,
  registry: string,
  repository: string | undefined,
  config: RegistryConfig,
  signal?: AbortSignal,
): Promise<FoundCredential | undefined> {
  for (const helper of helpersOf(file, registry, repository, config, signal)) {
    for (const server of serverNames(registry)) {
      const credential = await helper.get(server);
      if (credential !== undefined) return { credential, source: `${helper.program}, which ${quote(file.path)} names` };
    }
  }
  const key = keyFor(file.auths, registry, repository);
  const entry = key === undefined ? undefined : file.auths.get(key);
  if (key === undefined || entry === undefined) return undefined;
  const credential = decodeEntry(file.path, key, entry);
  return credential && { credential, source: quote(file.path) };
}

/** The helpers that a file names for a registry, most specific first. */
export function helpersOf(
  file: AuthFile,
  registry: string,
  repository: string | undefined,
  config: RegistryConfig,
  signal?: AbortSignal,
): readonly CredentialHelper[] {
  const key = keyFor(file.credHelpers, registry, repository);
  const own = key === undefined ? undefined : file.credHelpers.get(key);
  const names = [own, file.credsStore].filter((name): name is string => name !== undefined && name !== '');
  const options = { timeout: config.helper_timeout * 1000, signal };
  return [...new Set(names)].map((name) => new CredentialHelper(name, `credentials file ${quote(file.path)}`, options));
}

/** Docker keeps Docker Hub under a URL in helpers, podman under its name. */
export function serverNames(registry: string): readonly string[] {
  const key = dockerKey(registry);
  return key === dockerHubKey ? [key, 'docker.io'] : [key];
}
