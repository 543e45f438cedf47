import { existsSync } from 'node:fs';
import path from 'node:path';
import { quote } from '@slipway/oci';
import { requireTrusted } from '@slipway/trust';
import type { RegistryConfig } from '../config.js';
import { readSmallFile } from '../read-file.js';
import { type Capability, plainHost, type RegistryHost } from '../registry-host.js';
import type { HostTls } from '../trust.js';
import { certificatesIn } from './certificates.js';
import { findHostFolder } from './find-folder.js';
import { type HostSettings, type HostsFile, invalidHosts, readHostsToml } from './hosts-toml.js';

const capabilities: readonly string[] = ['pull', 'resolve', 'push'] satisfies readonly Capability[];

/** The servers to ask for a registry, in order: mirrors as its folder has them, and the registry itself last. */
export async function hostsOf(
  registry: string,
  config: RegistryConfig,
  warn: (message: string) => void,
): Promise<readonly [...RegistryHost[], RegistryHost]> {
  const plain = plainHost(registry, config);
  const folder = await findHostFolder(registry, config.config_path);
  if (folder === undefined) return [plain];
  const file = await readHostsToml(folder, warn);
  if (file === undefined) return [{ ...plain, tls: await certificatesIn(folder) }];
  const place = { folder, registry, warn };
  const mirrors: RegistryHost[] = [];
  for (const [url, settings] of Object.entries(file.host)) mirrors.push(await mirrorOf(place, plain, url, settings));
  return [...mirrors, await serverOf(place, plain, file)];
}

interface Place {
  readonly folder: string;
  readonly registry: string;
  readonly warn: (message: string) => void;
}

async function serverOf(place: Place, plain: RegistryHost, file: HostsFile): Promise<RegistryHost> {
  if (file.server !== undefined) return mirrorOf(place, plain, file.server, file, 'server');
  return { ...plain, ...(await settingsOf(place, file, '')) };
}

async function mirrorOf(
  place: Place,
  plain: RegistryHost,
  text: string,
  settings: HostSettings,
  key = `host.${quote(text)}`,
): Promise<RegistryHost> {
  const url = parseUrl(place, key, text);
  // The registry under its own name, whichever way it is written.
  const isItself = url.host === plain.origin.host;
  const stated = url.pathname.replace(/\/+$/, '');
  const apiPath = settings.override_path || stated.endsWith('/v2') ? stated : `${stated}/v2`;
  return {
    name: isItself ? place.registry : url.host,
    origin: new URL(url.origin),
    schemeIsGuess: false,
    path: apiPath,
    isMirror: !isItself && key !== 'server',
    namespace: isItself ? undefined : place.registry,
    ...(await settingsOf(place, settings, key === 'server' ? '' : `${key}.`)),
  };
}

function parseUrl({ folder }: Place, key: string, text: string): URL {
  const file = path.join(folder, 'hosts.toml');
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`);
  const why =
    url === null
      ? 'is no URL'
      : url.protocol !== 'https:' && url.protocol !== 'http:'
        ? 'is neither https nor http'
        : url.username !== '' || url.password !== ''
          ? 'has a user name in it; credentials are kept by slipway login'
          : url.search !== '' || url.hash !== ''
            ? 'has more than a scheme, a host and a path'
            : undefined;
  if (url === null || why !== undefined) {
    // What stands before an @ is a secret.
    const shown = text.includes('@') ? '' : `${quote(text)} `;
    throw invalidHosts(file, `${key === 'server' ? key : 'a host'}: ${shown}${why}`);
  }
  return url;
}

async function settingsOf(
  place: Place,
  settings: HostSettings,
  key: string,
): Promise<Pick<RegistryHost, 'capabilities' | 'headers' | 'tls'>> {
  const file = path.join(place.folder, 'hosts.toml');
  const stated = settings.capabilities ?? [];
  for (const one of stated.filter((name) => !capabilities.includes(name)))
    place.warn(`${quote(file)}: ${key}capabilities: ${quote(one)} is not known and ignored`);
  const known = (
    stated.length === 0 ? capabilities : stated.filter((name) => capabilities.includes(name))
  ) as readonly Capability[];
  return { capabilities: new Set(known), headers: headersOf(file, key, settings), tls: await tlsOf(place, settings, key) };
}

function headersOf(file: string, key: string, { header }: HostSettings): Readonly<Record<string, string>> {
  const entries = Object.entries(header).map(([name, values]) => {
    const value = typeof values === 'string' ? values : values.join(', ');
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
      throw invalidHosts(file, `${key}header: ${quote(name)} is no name of a header`);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      throw invalidHosts(file, `${key}header.${name}: has characters that no header may have`);
    return [name.toLowerCase(), value] as const;
  });
  return Object.fromEntries(entries);
}

async function tlsOf({ folder }: Place, settings: HostSettings, key: string): Promise<HostTls> {
  const at = (file: string): string => path.resolve(folder, file);
  const ca = [settings.ca ?? []].flat().map(at);
  const client = (await pairsOf(settings.client, at)).map(([cert, key]) => ({ cert, key }));
  const named = [
    ...ca.map((file) => ['ca', file] as const),
    ...client.flatMap((pair) => [pair.cert, pair.key ?? pair.cert].map((file) => ['client', file] as const)),
  ];
  for (const [member, file] of named) {
    if (!existsSync(file)) throw invalidHosts(at('hosts.toml'), `${key}${member}: there is no file ${quote(file)}`);
    requireTrusted('settings of registry hosts', file);
  }
  return { ca, client, skipVerify: settings.skip_verify };
}

/** A file holds certificate and key when it is alone. */
async function pairsOf(
  client: HostSettings['client'],
  at: (file: string) => string,
): Promise<readonly (readonly [cert: string, key?: string])[]> {
  const files = [client ?? []].flat(1);
  const [first, second] = files;
  // Two paths are two certificates to containerd, but who writes `["a.cert", "a.key"]` means a pair.
  if (files.length === 2 && typeof first === 'string' && typeof second === 'string' && !(await hasCertificate(at(second))))
    return [[at(first), at(second)]];
  return files.map((one) => {
    if (typeof one === 'string') return [at(one)];
    const [cert, key] = one;
    return key === '' ? [at(cert)] : [at(cert), at(key)];
  });
}

async function hasCertificate(file: string): Promise<boolean> {
  const options = { what: 'client certificate', maxBytes: 1024 * 1024, invalid: (why: string) => invalidHosts(file, why) };
  return (await readSmallFile(file, options))?.includes('-----BEGIN CERTIFICATE-----') !== false;
}
