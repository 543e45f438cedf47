import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import type { ContainerSettings, DnsSettings, EgressRule, NetworkChoice, PortSettings } from '@slipway/plugin-api';
import { invalidNetwork, networkConflict } from './invalid.js';
import { isWord, type NetworkMode, networkMode } from './mode.js';

type NetworkSettings = Pick<ContainerSettings, 'network' | 'ports' | 'publishAll' | 'dns' | 'extraHosts' | 'egress'>;

/** Docker's own limit of what a resolver reads in a file is six; glibc reads three servers. */
const most = { networks: 32, ports: 4096, hosts: 1024, servers: 16, rules: 4096 };

/** However it is written. */
const loopback6 = new BlockList();
loopback6.addAddress('::1', 'ipv6');

/** All that can be known before anything of this host is looked at. Errors: `invalid-argument`. */
export function checkNetwork(settings: NetworkSettings, defaultNetwork: string): void {
  const { network, ports = [], dns, extraHosts = [], egress } = settings;
  if (network !== undefined) checkChoices(network);
  const mode = networkMode(settings, defaultNetwork);
  checkPorts(ports);
  if (dns !== undefined) checkDns(dns);
  requireAtMost('extraHosts', extraHosts, most.hosts);
  for (const { name, address } of extraHosts) checkHost(name, address, mode);
  if (egress !== undefined) checkEgress(egress);
  checkTogether(settings, mode);
}

function checkTogether(
  { ports = [], publishAll = false, egress = 'all', dns, extraHosts = [] }: NetworkSettings,
  mode: NetworkMode,
): void {
  if (mode.kind === 'networks') return;
  const what = { none: 'has no network', host: "has the host's network", container: "has another container's network" }[
    mode.kind
  ];
  if (ports.length > 0 || publishAll) {
    const hint = mode.kind === 'host' ? 'its ports are those of the host already' : 'give it one: --network bridge';
    throw networkConflict(`ports cannot be published for a container that ${what}`, hint);
  }
  if (egress !== 'all') {
    const why = {
      none: 'from which nothing goes out',
      host: 'where nothing stands between the two',
      container: 'which says what may go out',
    };
    throw networkConflict(
      `egress cannot be restricted for a container that ${what}, ${why[mode.kind]}`,
      'give it one of its own: --network bridge',
    );
  }
  if (mode.kind === 'container' && (dns !== undefined || extraHosts.length > 0))
    throw networkConflict(
      `names cannot be given to a container that ${what}: it has that one's files`,
      'give them to the other one',
    );
}

function checkChoices(network: NonNullable<ContainerSettings['network']>): void {
  if (typeof network === 'string') {
    if (network === 'container:') throw invalidNetwork('network', network, 'container:NAME');
    if (!isWord(network)) checkName(network);
    return;
  }
  requireAtMost('network', network, most.networks);
  const seen = new Set<string>();
  for (const choice of network) {
    checkChoice(choice);
    if (seen.has(choice.network)) throw invalidNetwork('network', choice.network, 'each network once');
    seen.add(choice.network);
  }
}

/** Errors: `invalid-argument`. */
export function checkChoice({ network, addresses = [], mac, aliases = [] }: NetworkChoice): void {
  if (isWord(network))
    throw invalidNetwork('network', network, 'the name of a network, where there are several or it has settings');
  checkName(network);
  const families = addresses.map((address) => {
    const family = isIP(address);
    if (family === 0) throw invalidNetwork('network address', address, 'an IPv4 or IPv6 address, as 10.89.0.5');
    return family;
  });
  if (new Set(families).size !== families.length)
    throw invalidNetwork('network addresses', addresses, 'one IPv4 and one IPv6 address at most');
  // The lowest bit of the first byte says that it is a group's.
  if (mac !== undefined && !/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(mac))
    throw invalidNetwork('MAC address', mac, 'six bytes of one interface, as 02:42:ac:11:00:02');
  for (const alias of aliases) if (!isHostName(alias)) throw invalidNetwork('network alias', alias, 'a host name');
}

function checkName(network: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/.test(network))
    throw invalidNetwork(
      'network',
      network,
      'none, host, container:NAME or the name of a network',
      'slipway network ls lists networks',
    );
}

function checkPorts(ports: readonly PortSettings[]): void {
  requireAtMost('ports', ports, most.ports);
  const seen = new Set<string>();
  for (const { containerPort, hostPort = 0, hostAddress, protocol = 'tcp' } of ports) {
    checkPort('container port', containerPort, 1);
    checkPort('host port', hostPort, 0);
    if (hostAddress !== undefined && isIP(hostAddress) === 0)
      throw invalidNetwork('host address of a port', hostAddress, 'an IPv4 or IPv6 address of this host');
    if (hostAddress !== undefined && isIPv6(hostAddress) && loopback6.check(hostAddress, 'ipv6'))
      throw invalidNetwork(
        'host address of a port',
        hostAddress,
        'another one: the kernel cannot lead connections to the loopback of IPv6 into a container',
        'publish it on 127.0.0.1, or on all addresses',
      );
    checkProtocol(protocol);
    const place = `${hostAddress ?? ''}:${hostPort}/${protocol}`;
    if (hostPort !== 0 && seen.has(place)) throw invalidNetwork('host port', hostPort, 'each port of the host once');
    seen.add(place);
  }
}

/** Errors: `invalid-argument`. */
export function checkProtocol(protocol: string): void {
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw invalidNetwork('protocol of a port', protocol, 'tcp, udp or sctp');
}

/** Errors: `invalid-argument`. */
export function checkPort(what: string, port: number, least: 0 | 1): void {
  if (!Number.isInteger(port) || port < least || port > 65_535) throw invalidNetwork(what, port, `${least} to 65535`);
}

function checkDns({ servers = [], search = [], options = [] }: DnsSettings): void {
  requireAtMost('DNS servers', servers, most.servers);
  for (const server of servers) if (isIP(server) === 0) throw invalidNetwork('DNS server', server, 'an IPv4 or IPv6 address');
  for (const domain of search)
    if (domain !== '.' && !isHostName(domain.replace(/\.$/, '')))
      throw invalidNetwork('DNS search domain', domain, 'a domain, or "." for none');
  for (const option of options)
    if (!/^[a-z0-9-]+(:\d+)?$/.test(option)) throw invalidNetwork('DNS option', option, 'an option of resolv.conf, as ndots:2');
}

function checkHost(name: string, address: string, mode: NetworkMode): void {
  if (!isHostName(name)) throw invalidNetwork('name of a further host', name, 'a host name');
  if (address === 'host-gateway') {
    if (mode.kind === 'none')
      throw networkConflict('host-gateway is no address for a container that has no network', 'give it one: --network bridge');
  } else if (isIP(address) === 0)
    throw invalidNetwork(`address of host ${JSON.stringify(name)}`, address, 'an IPv4 or IPv6 address, or host-gateway');
}

function checkEgress(egress: NonNullable<ContainerSettings['egress']>): void {
  if (egress === 'all' || egress === 'none') return;
  if (typeof egress === 'string') throw invalidNetwork('egress', egress, 'all, none or a list');
  requireAtMost('egress', egress.allow, most.rules);
  for (const rule of egress.allow) checkRule(rule);
}

function checkRule({ host, port, protocol }: EgressRule): void {
  if (!isNetwork(host) && !isHostName(host.replace(/^\*\./, '')))
    throw invalidNetwork('egress', host, 'an address, a network as 192.0.2.0/24, or a host name as example.com or *.example.com');
  if (port !== undefined) checkPort('egress port', port, 1);
  if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp')
    throw invalidNetwork('egress protocol', protocol, 'tcp or udp');
}

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/');
  if (isIP(address) === 0 || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (isIPv4(address) ? 32 : 128));
}

/** As programs of all sorts take them: with "_", and not longer than what DNS carries. */
export function isHostName(text: string): boolean {
  return text.length <= 253 && text.split('.').every((label) => /^[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?$/.test(label));
}

function requireAtMost(what: string, list: readonly unknown[], count: number): void {
  if (list.length > count) throw invalidNetwork(what, list.length, `${count} at most`);
}
