import type { RegistryConfig } from '../config.js';
import { authFilePlaces } from './auth-files.js';
import { dockerKey, keyFor, keysOf } from './auth-keys.js';
import { type Credential, tokenUsername } from './credential.js';
import { credentialIn, helpersOf, serverNames } from './find-credential.js';
import { type AuthFile, parseAuthFile, readAuthFile } from './read-auth-file.js';
import { type Document, updateAuthFile } from './write-auth-file.js';

export type KeptCredential = Exclude<Credential, { kind: 'registry-token' }>;

/**
 * Keeps a credential where {@link findCredential} comes upon it first: in the file that has one for the registry already, or in docker's; with the helper
 * that this file names, or in the file itself.
 *
 * @returns the file, or the name of the helper program
 */
export async function saveCredential(
  registry: string,
  credential: KeptCredential,
  config: RegistryConfig,
  signal?: AbortSignal,
): Promise<string> {
  const path = await placeFor(registry, config, signal);
  const before = (await readAuthFile(path)) ?? parseAuthFile(path, '');
  const [helper] = helpersOf(before, registry, undefined, config, signal);
  await helper?.store(dockerKey(registry), credential);
  // An empty entry tells docker that there is something with the helper.
  const entry = helper === undefined ? entryOf(credential) : {};
  await updateAuthFile(path, (file) => withEntry(file, registry, entry), signal);
  return helper?.program ?? path;
}

async function placeFor(registry: string, config: RegistryConfig, signal: AbortSignal | undefined): Promise<string> {
  const { files, preferred } = authFilePlaces(config.auth_file);
  for (const path of files) {
    const file = await readAuthFile(path);
    if (file !== undefined && (await credentialIn(file, registry, undefined, config, signal)) !== undefined) return path;
  }
  return preferred;
}

function withEntry(file: AuthFile, registry: string, entry: Document): Document {
  const key = keyFor(file.auths, registry) ?? dockerKey(registry);
  const auths = { ...(file.document['auths'] as Document | undefined), [key]: entry };
  return { ...file.document, auths };
}

/** As docker writes them, and podman and skopeo read them: these take an identity token only beside a user name. */
function entryOf(credential: KeptCredential): Document {
  const pair = (username: string, password: string): string => Buffer.from(`${username}:${password}`).toString('base64');
  if (credential.kind === 'password') return { auth: pair(credential.username, credential.password) };
  return { auth: pair(tokenUsername, ''), identitytoken: credential.token };
}

/**
 * Forgets what is kept for exactly this registry, in all files and with all helpers that are asked for it.
 *
 * @returns where something was
 */
export async function forgetCredential(registry: string, config: RegistryConfig): Promise<readonly string[]> {
  const stores: string[] = [];
  for (const path of authFilePlaces(config.auth_file).files) {
    const file = await readAuthFile(path);
    if (file === undefined) continue;
    for (const helper of helpersOf(file, registry, undefined, config))
      for (const server of serverNames(registry))
        if ((await helper.get(server)) !== undefined && (await helper.erase(server))) stores.push(helper.program);
    let removed = false;
    await updateAuthFile(path, (now) => {
      const keys = keysOf(now.auths, registry);
      removed = keys.length > 0;
      return removed ? withoutKeys(now, keys) : undefined;
    });
    if (removed) stores.push(path);
  }
  return [...new Set(stores)];
}

function withoutKeys(file: AuthFile, keys: readonly string[]): Document {
  const auths = Object.entries(file.document['auths'] as Document).filter(([key]) => !keys.includes(key));
  return { ...file.document, auths: Object.fromEntries(auths) };
}
