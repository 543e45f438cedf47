import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { type ContainerSettings, hasCode, type NetworkAttachment, SlipwayError } from '@slipway/plugin-api';

export interface NamesInput {
  readonly settings: Pick<ContainerSettings, 'dns' | 'extraHosts'>;
  readonly hostname: string;
  readonly domainname: string | undefined;
  /** In order; none for a container without network. */
  readonly attachments: readonly NetworkAttachment[];
}

const loopback = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** /etc/hosts: itself at each of its addresses, and what was asked for. Errors: HOST_GATEWAY_UNKNOWN. */
export function hostsFile({ settings, hostname, domainname, attachments }: NamesInput): string {
  const names = domainname === undefined ? hostname : `${hostname}.${domainname} ${hostname}`;
  const addresses = attachments.flatMap((attachment) => attachment.addresses.map(withoutPrefix));
  const own = addresses.length === 0 ? ['127.0.0.1'] : addresses;
  return lines([
    ...loopback,
    ...own.map((address) => `${address}\t${names}`),
    ...extraLines(settings, () => gatewayOf(attachments)),
  ]);
}

/** With the host's network its own file, and what was asked for. */
export function hostsOfHost(settings: Pick<ContainerSettings, 'extraHosts'>): string {
  const own = readIfThere('/etc/hosts');
  return `${own}${own === '' || own.endsWith('\n') ? '' : '\n'}${lines(extraLines(settings, () => '127.0.0.1'))}`;
}

function extraLines({ extraHosts = [] }: Pick<ContainerSettings, 'extraHosts'>, gateway: () => string): string[] {
  return extraHosts.map(({ name, address }) => `${address === 'host-gateway' ? gateway() : address}\t${name}`);
}

function gatewayOf([first]: readonly NetworkAttachment[]): string {
  const gateways = first?.gateways ?? [];
  const found = gateways.find((address) => !isIPv6(address)) ?? gateways[0];
  if (found !== undefined) return found;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'HOST_GATEWAY_UNKNOWN',
    message: `host-gateway is no address: ${first === undefined ? 'the container has no network' : `the host has none in network ${JSON.stringify(first.network)}`}`,
    hint: 'name the address itself, or put a network that has a gateway first',
  });
}

export interface ResolverInput extends Pick<NamesInput, 'settings' | 'attachments'> {
  /** It joins nothing: nobody answers it, and how this host asks is none of its business. */
  readonly isAlone: boolean;
}

/** /etc/resolv.conf: what its networks answer; where they answer nothing, what the settings say, else the host. */
export function resolvConf({ settings: { dns = {} }, attachments, isAlone }: ResolverInput): string {
  const host = isAlone ? nobody : hostResolver();
  const ofNetworks = unique(attachments.flatMap(({ nameservers }) => nameservers));
  const servers = ofNetworks.length > 0 ? ofNetworks : (dns.servers ?? host.servers);
  const search = dns.search ?? unique([...attachments.flatMap((attachment) => attachment.search), ...host.search]);
  const options = dns.options ?? host.options;
  return lines([
    // "." is for none at all.
    ...(search.length === 0 || search.includes('.') ? [] : [`search ${search.join(' ')}`]),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ]);
}

interface Resolver {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

const nobody: Resolver = { servers: [], search: [], options: [] };

/** resolv.conf(5). A server on the host's loopback is none for others: systemd-resolved keeps the real ones in a file beside. */
function hostResolver(): Resolver {
  const own = parseResolvConf(readIfThere('/etc/resolv.conf'));
  if (!own.servers.some(isLoopback)) return own;
  const real = parseResolvConf(readIfThere('/run/systemd/resolve/resolv.conf'));
  return { ...own, servers: [...own.servers, ...real.servers].filter((server) => !isLoopback(server)) };
}

function parseResolvConf(text: string): Resolver {
  const [servers, options]: [string[], string[]] = [[], []];
  let search: string[] = [];
  for (const line of text.split('\n')) {
    const [word, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (word === 'nameserver') servers.push(...values.slice(0, 1));
    // The last one counts.
    else if (word === 'search' || word === 'domain') search = values;
    else if (word === 'options') options.push(...values);
  }
  return { servers, search, options };
}

function isLoopback(server: string): boolean {
  return server.startsWith('127.') || server === '::1';
}

export function withoutPrefix(address: string): string {
  return address.split('/', 1)[0] ?? address;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return '';
    throw error;
  }
}
