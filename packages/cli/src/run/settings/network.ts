import { isIP } from 'node:net';
import type { ContainerSettings, DnsSettings, NetworkChoice } from '@slipway/plugin-api';
import { usageError } from '../../usage-error.js';
import { egressOf } from './egress.js';
import { type Flags, keyOf, listed, parsed, parsedAll, refusedFlag, switched } from './flags.js';
import { exposedPorts, portsOf } from './ports.js';

type NetworkSettings = Pick<ContainerSettings, 'network' | 'ports' | 'publishAll' | 'dns' | 'extraHosts' | 'egress'>;

/** What the flags of `network-options.ts` say. Errors: wrong use. */
export function networkSettingsOf(flags: Flags): NetworkSettings {
  const publishAll = switched(flags, 'publish-all');
  const exposed = exposedPorts(flags);
  const ports = [...portsOf(flags), ...(publishAll ? exposed : [])];
  return {
    network: networksOf(flags),
    ports: ports.length === 0 ? undefined : ports,
    publishAll,
    dns: dnsOf(flags),
    extraHosts: parsedAll(flags, 'add-host', extraHost, 'NAME:ADDRESS, or NAME:host-gateway'),
    egress: egressOf(flags),
  };
}

function networksOf(flags: Flags): ContainerSettings['network'] {
  const texts = flags.options.list('network');
  const first = choiceSettingsOf(flags, 'network-alias');
  const choices = texts.map((text) => networkChoice(flags, text));
  const words = choices.filter(({ network }) => isWord(network));
  if (words.length > 0 && (choices.length > 1 || Object.keys(first).length > 0)) {
    const [word = ''] = words.map(({ network }) => network);
    throw usageError(
      flags.command,
      `--network ${word}: a container has that alone, found more`,
      'names, addresses and further networks are for networks that it joins',
    );
  }
  if (choices.length === 0 && Object.keys(first).length === 0) return undefined;
  const [own = { network: 'default' }, ...others] = choices;
  const twice = Object.keys(first).find((key) => key in own);
  if (twice !== undefined)
    throw usageError(flags.command, `--network has ${twice} for the first network, and so has a flag of its own`);
  const all = [{ ...own, ...first }, ...others];
  const [only] = all;
  return all.length === 1 && only !== undefined && Object.keys(only).length === 1 ? only.network : all;
}

function isWord(network: string): boolean {
  return network === 'none' || network === 'host' || network.startsWith('container:');
}

type ChoiceSettings = Omit<NetworkChoice, 'network'>;

/** What `--ip`, `--ip6`, `--mac-address` and `--network-alias`, or the flag in its place, say of one network. Errors: wrong use. */
export function choiceSettingsOf(flags: Flags, aliasFlag: 'network-alias' | 'alias'): ChoiceSettings {
  const addresses = (['ip', 'ip6'] as const).flatMap((flag) => {
    const family = flag === 'ip' ? 4 : 6;
    return parsed(flags, flag, (text) => (isIP(text) === family ? text : undefined), `an IPv${family} address`) ?? [];
  });
  return choiceSettings({
    addresses,
    mac: parsed(flags, 'mac-address', (text) => (isMac(text) ? text : undefined), 'an address such as 02:42:ac:11:00:02'),
    aliases: listed(flags, aliasFlag) ?? [],
  });
}

function choiceSettings({
  addresses,
  mac,
  aliases,
}: {
  readonly addresses: readonly string[];
  readonly mac: string | undefined;
  readonly aliases: readonly string[];
}): ChoiceSettings {
  return {
    ...(addresses.length === 0 ? {} : { addresses }),
    ...(mac === undefined ? {} : { mac }),
    ...(aliases.length === 0 ? {} : { aliases }),
  };
}

/** Docker's `NET`, or `name=NET,ip=ADDRESS,ip6=ADDRESS,mac-address=MAC,alias=NAME`. */
function networkChoice(flags: Flags, text: string): NetworkChoice {
  if (!text.includes('=')) return { network: text };
  const refuse = (expected: string): never => {
    throw refusedFlag(flags, 'network', text, expected);
  };
  const fields = text
    .split(',')
    .map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)] as const);
  const one = (key: string): string | undefined => {
    const values = fields.filter(([name]) => name === key).map(([, value]) => value);
    return values.length > 1 ? refuse(`${key} once`) : values[0];
  };
  const unknown = fields.find(([name, value]) => !['name', 'ip', 'ip6', 'mac-address', 'alias'].includes(name) || value === '');
  const [network, ip, ip6, mac] = ['name', 'ip', 'ip6', 'mac-address'].map(one);
  if (unknown !== undefined || network === undefined || network === '')
    return refuse('name=NETWORK with ip=ADDRESS, ip6=ADDRESS, mac-address=MAC and alias=NAME');
  if ((ip !== undefined && isIP(ip) !== 4) || (ip6 !== undefined && isIP(ip6) !== 6))
    return refuse('an IPv4 address in ip, an IPv6 address in ip6');
  if (mac !== undefined && !isMac(mac)) return refuse('an address such as 02:42:ac:11:00:02 in mac-address');
  const addresses = [ip, ip6].filter((address) => address !== undefined);
  const aliases = fields.filter(([name]) => name === 'alias').map(([, value]) => value);
  return { network, ...choiceSettings({ addresses, mac, aliases }) };
}

function isMac(text: string): boolean {
  return /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(text);
}

function dnsOf(flags: Flags): DnsSettings | undefined {
  const servers = parsedAll(flags, 'dns', (text) => (isIP(text) === 0 ? undefined : text), 'an address');
  const search = listed(flags, 'dns-search')?.filter((domain) => domain !== '.');
  const options = flags.options.list(keyOf('dns-option'));
  if (servers === undefined && search === undefined && options.length === 0) return undefined;
  return {
    ...(servers === undefined ? {} : { servers }),
    ...(search === undefined ? {} : { search }),
    ...(options.length === 0 ? {} : { options }),
  };
}

/** Docker's `NAME:ADDRESS`, and `NAME=ADDRESS`; an IPv6 address may have its brackets. */
function extraHost(text: string): { readonly name: string; readonly address: string } | undefined {
  const [, name = '', bare = ''] = /^([^:=\s]+)[:=](\S+)$/.exec(text) ?? [];
  const address = bare.replace(/^\[(.*)\]$/, '$1');
  return name !== '' && (address === 'host-gateway' || isIP(address) !== 0) ? { name, address } : undefined;
}
