import { type LookupAddress, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { quote } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import type { buildConnector } from 'undici';
import { bareHost } from './hosts.js';
import type { TlsFor } from './trust.js';

type Build = typeof buildConnector;
type Connector = buildConnector.connector;

/** Milliseconds. */
export const connectTimeout = 10_000;

/** Connects to hosts that the user named, and tells at which address each was reached. */
export function openConnector(build: Build, tlsFor: TlsFor, onConnected: (address: string) => void): Connector {
  const plain = build({ timeout: connectTimeout, autoSelectFamily: true });
  // One for each host, as each has a cache of TLS sessions.
  const overTls = new Map<string, Connector>();
  return (target, callback) => {
    const report: buildConnector.Callback = (...result) => {
      if (result[0] === null && result[1].remoteAddress !== undefined) onConnected(result[1].remoteAddress);
      callback(...result);
    };
    if (target.protocol !== 'https:') return plain(target, report);
    const host = hostOf(target);
    tlsFor(host).then(
      (tls) => {
        const connect = overTls.get(host) ?? build({ timeout: connectTimeout, autoSelectFamily: true, ...tls });
        overTls.set(host, connect);
        connect(target, report);
      },
      (error: Error) => callback(error, null),
    );
  };
}

/**
 * Connects to hosts that someone else named. `mayConnect` decides on the addresses that will really be connected to: the
 * check sits between name resolution and connect(2), so there is no second resolution that could answer otherwise.
 */
export function guardedConnector(
  build: Build,
  tlsFor: TlsFor,
  mayConnect: (host: string, address: string) => boolean,
): Connector {
  return (target, callback) => {
    const host = hostOf(target);
    const literal = bareHost(target.hostname);
    // net.connect does not look literal addresses up, so the look-up below would never see them.
    if (isIP(literal) !== 0 && !mayConnect(host, literal)) return callback(refused(host, literal), null);
    const guardedLookup: LookupFunction = (hostname, options, done) => {
      lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
        if (error !== null) return done(error, []);
        const allowed = addresses.filter(({ address }) => mayConnect(host, address));
        const [first] = allowed;
        if (first === undefined) return done(refused(host, addresses[0]?.address ?? ''), []);
        if (options.all === true) done(null, allowed);
        else done(null, first.address, first.family);
      });
    };
    const options = { timeout: connectTimeout, autoSelectFamily: true, lookup: guardedLookup };
    if (target.protocol !== 'https:') return build(options as buildConnector.BuildOptions)(target, callback);
    tlsFor(host).then(
      (tls) => build({ ...options, ...tls } as buildConnector.BuildOptions)(target, callback),
      (error: Error) => callback(error, null),
    );
  };
}

/** As in a URL: the port only where it is not the scheme's own. */
export function hostOf(target: buildConnector.Options): string {
  const name = isIP(target.hostname) === 6 ? `[${target.hostname}]` : target.hostname;
  return target.port === '' ? name : `${name}:${target.port}`;
}

/** The error for an address that nobody may send us to. */
export function refused(host: string, address: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'REGISTRY_ADDRESS_REFUSED',
    message: `the registry sends us to ${quote(host)}, whose address ${quote(address)} is loopback, link-local or private and not the registry's own`,
    hint: 'if that is meant to be, set allow_private_address = true in [plugin.resolver-registry.hosts."host:port"]',
  });
}
