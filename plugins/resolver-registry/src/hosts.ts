import { isIP } from 'node:net';
import type { RegistryConfig } from './config.js';

/** localhost, 127.0.0.0/8 and ::1. `hostname` as in a URL, without port. */
export function isLoopbackHost(hostname: string): boolean {
  const bare = bareHost(hostname);
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}

/** Without the brackets of an IPv6 address. */
export function bareHost(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

/**
 * Where the registry of that name is reached. Docker Hub's name is not its host. `schemeIsGuess` when nothing but the
 * loopback address spoke for http.
 */
export function registryOrigin(
  registry: string,
  config: RegistryConfig,
): { readonly origin: URL; readonly schemeIsGuess: boolean } {
  if (registry === 'docker.io') return { origin: new URL('https://registry-1.docker.io'), schemeIsGuess: false };
  const configured = ownEntry(config.hosts, registry)?.plain_http;
  const https = new URL(`https://${registry}`);
  const loopback = configured === undefined && isLoopbackHost(https.hostname);
  return configured === true || loopback
    ? { origin: new URL(`http://${registry}`), schemeIsGuess: loopback }
    : { origin: https, schemeIsGuess: false };
}

/** May this URL be spoken to in plain http, for all that the configuration says? */
export function allowsPlainHttp(url: URL, config: RegistryConfig): boolean {
  return ownEntry(config.hosts, url.host)?.plain_http ?? isLoopbackHost(url.hostname);
}

/** The entry of exactly this host and port; inherited names are none. */
export function ownEntry<T>(table: Readonly<Record<string, T>>, host: string): T | undefined {
  const key = host.toLowerCase();
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
