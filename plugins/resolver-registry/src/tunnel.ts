import type { Socket } from 'node:net';
import { quote } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import type { buildConnector } from 'undici';
import { connectTimeout, hostOf } from './connector.js';
import type { HttpProxy, ProxyFor } from './proxy.js';
import { transportError } from './transport-errors.js';
import type { TlsFor } from './trust.js';

/**
 * Connects over TLS through a proxy where one is set, and as `direct` does where not. `check` is told the host before the proxy is; it
 * throws for one that we may not be sent to.
 */
export function tunnelling(
  build: typeof buildConnector,
  direct: buildConnector.connector,
  tlsFor: TlsFor,
  proxyFor: ProxyFor,
  check: (host: URL) => void,
): buildConnector.connector {
  const connect = async (proxy: HttpProxy, target: buildConnector.Options, callback: buildConnector.Callback): Promise<void> => {
    // First, as it may fail: a tunnel would be left open.
    const tls = await tlsFor(hostOf(target));
    const httpSocket = await openTunnel(build, proxy, target.port === '' ? `${hostOf(target)}:443` : hostOf(target), tlsFor);
    build({ timeout: connectTimeout, ...tls })({ ...target, httpSocket }, callback);
  };
  return (target, callback) => {
    let proxy: HttpProxy | undefined;
    try {
      const url = new URL(`${target.protocol}//${hostOf(target)}`);
      proxy = target.protocol === 'https:' ? proxyFor(url) : undefined;
      if (proxy === undefined) return direct(target, callback);
      check(url);
    } catch (error) {
      return callback(error as Error, null);
    }
    connect(proxy, target, callback).catch((error: Error) => callback(error, null));
  };
}

/**
 * A connection to `target` (`host:port`) through a proxy (RFC 9110, section 9.3.6), with nothing sent over it yet. Not undici's ProxyAgent:
 * that has a connector of its own, behind which ours could not check where we are being sent.
 */
async function openTunnel(build: typeof buildConnector, proxy: HttpProxy, target: string, tlsFor: TlsFor): Promise<Socket> {
  const { request } = await import('node:http');
  const { url } = proxy;
  const what = `connecting to ${quote(target)} through the proxy ${quote(url.host)}`;
  const tls = url.protocol === 'https:' ? await tlsFor(url.host) : {};
  const socket = await new Promise<Socket>((resolve, reject) => {
    const { host, hostname, protocol, port } = url;
    build({ timeout: connectTimeout, autoSelectFamily: true, ...tls })({ host, hostname, protocol, port }, (error, connected) =>
      error === null ? resolve(connected) : reject(transportError(what, error)),
    );
  });
  return new Promise((resolve, reject) => {
    const give = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const asking = request({
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...(proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization }) },
      createConnection: () => socket,
    });
    const timer = setTimeout(() => asking.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })), connectTimeout);
    asking.once('error', (error) => give(transportError(what, error)));
    // An answer with a body is no tunnel, but Node tells of both by this event.
    asking.once('connect', ({ statusCode = 0 }, _socket, rest) => {
      if (statusCode < 200 || statusCode > 299) return give(proxyRefused(proxy, target, statusCode));
      clearTimeout(timer);
      if (rest.length > 0) socket.unshift(rest);
      resolve(socket);
    });
    asking.end();
  });
}

/** The proxy itself answered, and not that it would let us through. */
export function proxyRefused(proxy: HttpProxy, target: string, status: number): SlipwayError {
  const what = `the proxy ${quote(proxy.url.host)} does not let us through to ${quote(target)}: it answered ${status}`;
  return status === 407
    ? new SlipwayError({
        kind: 'permission-denied',
        code: 'REGISTRY_PROXY_UNAUTHORIZED',
        message: what,
        hint: 'put user name and password into the URL in HTTPS_PROXY or HTTP_PROXY',
      })
    : new SlipwayError({
        kind: 'unavailable',
        code: 'REGISTRY_PROXY_REFUSED',
        message: what,
        hint: 'check what the proxy allows, or name the registry in NO_PROXY',
      });
}
