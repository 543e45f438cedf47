import { quote } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import type { Challenge } from './challenge.js';
import type { RegistryConfig } from './config.js';
import { allowsPlainHttp } from './hosts.js';

/** The token server that a registry names. Errors: `permission-denied` for one that credentials must not be sent to. */
export function checkRealm(
  { registry, challenge, from }: { readonly registry: string; readonly challenge: Challenge; readonly from: URL },
  config: RegistryConfig,
): URL {
  const text = challenge.parameters.get('realm') ?? '';
  const realm = URL.parse(text);
  const refused = (why: string): SlipwayError => realmRefused(registry, realm ?? quote(text), why);
  if (realm === null) throw refused('is no absolute URL');
  if (realm.username !== '' || realm.password !== '') throw refused('has a user name in its URL');
  if (realm.protocol === 'https:') return realm;
  if (realm.protocol !== 'http:') throw refused('is neither https nor http');
  if (from.protocol === 'https:') throw refused('is plain http, though the registry speaks https');
  if (realm.origin !== from.origin && !allowsPlainHttp(realm, config)) throw refused('is plain http');
  return realm;
}

export function realmRefused(registry: string, realm: URL | string, why: string): SlipwayError {
  const shown = typeof realm === 'string' ? realm : quote(realm.origin + realm.pathname);
  return new SlipwayError({
    kind: 'permission-denied',
    code: 'REGISTRY_REALM_REFUSED',
    message: `registry ${quote(registry)} sends us for a token to ${shown}, which ${why}; no credentials were sent there`,
    hint: 'the registry is set up wrongly or wants what it may not: ask who runs it',
  });
}
