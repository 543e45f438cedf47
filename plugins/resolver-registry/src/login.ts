import { quote } from '@slipway/oci';
import { isKind, type LoginResult, type RegistryCredentials, SlipwayError, throwIfAborted } from '@slipway/plugin-api';
import { discard } from './bounded-body.js';
import type { RegistryConfig } from './config.js';
import { basicAuthorization } from './credentials/credential.js';
import type { FindCredential } from './credentials/find-credential.js';
import { forgetCredential, type KeptCredential, saveCredential } from './credentials/save-credential.js';
import { ownEntry } from './hosts.js';
import type { RegistryHost } from './registry-host.js';
import type { RegistrySession } from './registry-session.js';

/** A session with the registry itself that is opened by what `find` gives, and by nothing that is kept. */
export type OpenSession = (find: FindCredential) => Promise<RegistrySession>;

/** Tries the credentials (distribution-spec, "Determining Support") and keeps them. Errors: `permission-denied`, and nothing is kept. */
export async function login(
  registry: string,
  credentials: RegistryCredentials,
  open: OpenSession,
  config: RegistryConfig,
  signal?: AbortSignal,
): Promise<LoginResult> {
  const what = `logging in to ${quote(registry)}`;
  if (ownEntry(config.auth, registry) !== undefined)
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'REGISTRY_LOGIN_CONFIGURED',
      message: `${what}: what is kept would not be used, as the configuration has credentials for this registry`,
      hint: `remove [plugin.resolver-registry.auth."${registry}"] from the configuration, or change it there`,
    });
  const credential = checked(what, credentials);
  await using session = await open(async () => ({ credential, source: 'what was given' }));
  try {
    const response = await session.send({ method: 'GET', repository: '', path: '', headers: {}, scopes: [], signal });
    if (response.status !== 200) throw await session.failure(what, response, signal);
    await discard(response);
    if (!session.isOwn(response)) throw untried(what, response.url);
  } catch (error) {
    throw isKind(error, 'permission-denied') && error instanceof SlipwayError && error.code === 'REGISTRY_UNAUTHORIZED'
      ? refused(what, error)
      : error;
  }
  throwIfAborted(what, signal);
  return { store: await saveCredential(registry, credential, config, signal) };
}

export async function logout(registry: string, config: RegistryConfig): Promise<LoginResult> {
  const stores = await forgetCredential(registry, config);
  if (stores.length > 0) return { store: stores.join(', ') };
  throw new SlipwayError({
    kind: 'not-found',
    code: 'REGISTRY_NOT_LOGGED_IN',
    message: `logging out of ${quote(registry)}: no credentials are kept for it`,
    hint:
      ownEntry(config.auth, registry) === undefined
        ? 'host and port must be those of the login'
        : `those in [plugin.resolver-registry.auth."${registry}"] of the configuration are not kept by login`,
  });
}

function checked(what: string, credentials: RegistryCredentials): KeptCredential {
  const credential: KeptCredential =
    'identityToken' in credentials
      ? { kind: 'identity-token', token: credentials.identityToken }
      : { kind: 'password', ...credentials };
  const invalid = (why: string): SlipwayError =>
    new SlipwayError({ kind: 'invalid-argument', code: 'REGISTRY_CREDENTIALS_INVALID', message: `${what}: ${why}` });
  const secret = credential.kind === 'password' ? credential.password : credential.token;
  const name = credential.kind === 'password' ? 'the password' : 'the identity token';
  if (secret === '') throw invalid(`${name} is empty`);
  // Neither gets through files, helpers and headers as it is.
  if (/[\r\n\0]/.test(secret)) throw invalid(`${name} has line breaks`);
  if (credential.kind !== 'password') return credential;
  const { username, password } = credential;
  if (!/^[^:\p{Cc}]+$/u.test(username)) throw invalid('the user name is empty, or has colons or control characters');
  if (basicAuthorization(username, password).length > maxHeader) throw invalid(`${name} is too long for a header`);
  return { kind: 'password', username, password };
}

const maxHeader = 8192;

/** Errors: `failed-precondition` for a registry behind a server of another name, which neither tries nor is shown what is kept for the registry. */
export function ownOf(registry: string, host: RegistryHost): RegistryHost {
  if (host.name === registry) return host;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'REGISTRY_LOGIN_ELSEWHERE',
    message: `logging in to ${quote(registry)}: its hosts.toml has ${quote(host.name)} in its place, to which no credentials of it go`,
    hint: `slipway login ${host.name}`,
  });
}

/** Whoever answered was shown no credentials, and so says nothing about them. */
function untried(what: string, { host }: URL): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'REGISTRY_LOGIN_UNTRIED',
    message: `${what}: it sends us to ${quote(host)}, where credentials for it are not shown; nothing was kept`,
    hint: `check the name of the registry; perhaps ${quote(host)} is the one that is meant`,
  });
}

function refused(what: string, error: SlipwayError): SlipwayError {
  return new SlipwayError({
    kind: 'permission-denied',
    code: error.code,
    message: `${what}: ${error.message}`,
    hint: 'check user name and password; nothing was kept. Some registries want a token in place of the password',
    cause: error,
  });
}
