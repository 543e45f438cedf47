import { BlockList, isIP } from 'node:net';
import { SlipwayError } from '@slipway/plugin-api';
import { bareHost, isLoopbackHost } from './hosts.js';

export interface HttpProxy {
  /** http: or https:, without credentials. */
  readonly url: URL;
  /** Value of Proxy-Authorization. */
  readonly authorization?: string | undefined;
}

/** The proxy for a URL, or none. Errors: `invalid-argument` for a proxy that cannot be used. */
export type ProxyFor = (url: URL) => HttpProxy | undefined;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What HTTP_PROXY, HTTPS_PROXY and NO_PROXY say, each in upper or lower case. As in Go, whose programs share these settings with us on most
 * machines: loopback is never asked through a proxy; an entry of NO_PROXY is `*`, an address, a network (`10.0.0.0/8`), a name with all that
 * is below it (`example.com`), or only what is below it (`.example.com`), each but the network with a port or without.
 */
export function proxiesOf(environment: Environment): ProxyFor {
  const value = (name: string): string => environment[name] || environment[name.toLowerCase()] || '';
  const exempts = value('NO_PROXY')
    .split(',')
    .map((entry) => exemption(entry.trim().toLowerCase()));
  return (url) => {
    const variable = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
    const text = value(variable);
    if (text === '' || isLoopbackHost(url.hostname)) return undefined;
    const host = bareHost(url.hostname).toLowerCase();
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    return exempts.some((isExempt) => isExempt(host, port)) ? undefined : parseProxy(variable, text);
  };
}

function parseProxy(variable: string, text: string): HttpProxy {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  // The value may have a password in it, so it is not shown.
  if (url === null || url.hostname === '') throw unusable(`${variable} is no URL of a proxy`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw unusable(`${variable} names a proxy of the kind "${url.protocol}", which is not spoken here`);
  const origin = new URL(url.origin);
  if (url.username === '' && url.password === '') return { url: origin };
  const login = `${decoded(variable, url.username)}:${decoded(variable, url.password)}`;
  return { url: origin, authorization: `Basic ${Buffer.from(login).toString('base64')}` };
}

function decoded(variable: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unusable(`${variable} has a user name or password with a "%" that is not written as %25`);
  }
}

function unusable(message: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'REGISTRY_PROXY_INVALID',
    message,
    hint: 'set it to http://host:port or https://host:port, or name the registry in NO_PROXY',
  });
}

type Exemption = (host: string, port: string) => boolean;

function exemption(entry: string): Exemption {
  if (entry === '') return () => false;
  if (entry === '*') return () => true;
  const network = networkOf(entry);
  if (network !== undefined) return (host) => isIP(host) !== 0 && network.check(host, isIP(host) === 4 ? 'ipv4' : 'ipv6');
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*|[^:]*:.*:[^:]*?))(?::(\d+))?$/.exec(entry) ?? [];
  const name = bracketed ?? plain ?? '';
  if (isIP(entry) !== 0) return (host) => host === entry;
  const below = name.startsWith('*.') ? name.slice(1) : name;
  return (host, asked) => {
    if (name === '' || (port !== undefined && port !== asked)) return false;
    if (below.startsWith('.')) return host.endsWith(below) && isIP(host) === 0;
    return host === below || (isIP(host) === 0 && host.endsWith(`.${below}`));
  };
}

function networkOf(entry: string): BlockList | undefined {
  const [, address = '', prefix = ''] = /^(.+)\/(\d{1,3})$/.exec(entry) ?? [];
  const family = isIP(address);
  if (family === 0 || Number(prefix) > (family === 4 ? 32 : 128)) return undefined;
  const network = new BlockList();
  network.addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6');
  return network;
}
