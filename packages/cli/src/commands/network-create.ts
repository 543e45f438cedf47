import { BlockList, isIP } from 'node:net';
import type { CreateNetworkOptions, SubnetSettings } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { type Flags, integer, parsedAll, refusedFlag, switched } from '../run/settings/flags.js';
import { pairsOf } from '../run/settings/pairs.js';
import { usageError } from '../usage-error.js';

export const networkCreate: Action = async (invocation) => {
  const { name: command, args, options, global, output } = invocation;
  const wanted = networkOf({ command, options });
  const network = await withEngine(invocation, (engine) => engine.networks.create(args[0] ?? '', wanted));
  output.out(global.json ? `${printableJson(network, 2)}\n` : `${printable(network.name)}\n`);
  return 0;
};

function networkOf(flags: Flags): CreateNetworkOptions {
  const { mtu, ...options } = driverOptions(flags);
  return {
    driver: flags.options.text('driver'),
    subnets: subnetsOf(flags),
    ipv6: switched(flags, 'ipv6'),
    internal: switched(flags, 'internal'),
    mtu: mtu === undefined ? undefined : mtuOf(flags, mtu),
    labels: pairsOf(flags, 'label', { bare: true }),
    options: Object.keys(options).length === 0 ? undefined : options,
  };
}

/** Docker's name for it is known, too. */
const dockerMtu = 'com.docker.network.driver.mtu';

function driverOptions(flags: Flags): Readonly<Record<string, string>> {
  const { [dockerMtu]: mtu, ...options } = pairsOf(flags, 'opt', { bare: false }) ?? {};
  return mtu === undefined ? options : { ...options, mtu };
}

function mtuOf(flags: Flags, text: string): number {
  const mtu = integer(text, 68);
  if (mtu === undefined || mtu > 65535) throw refusedFlag(flags, 'opt', `mtu=${text}`, 'bytes from 68 to 65535');
  return mtu;
}

/** Each gateway and range belongs to the subnet that it lies in. */
function subnetsOf(flags: Flags): readonly SubnetSettings[] | undefined {
  const subnets = parsedAll(flags, 'subnet', cidrOf, 'a network such as 10.90.0.0/24 or fd00:90::/64');
  const gateways =
    parsedAll(flags, 'gateway', (text) => (isIP(text) === 0 ? undefined : { text, address: text }), 'an address') ?? [];
  const ranges = parsedAll(flags, 'ip-range', cidrOf, 'a part of a subnet, as 10.90.0.128/25') ?? [];
  const parts = [...gateways.map((one) => ['gateway', one] as const), ...ranges.map((one) => ['ip-range', one] as const)];
  if (subnets === undefined) {
    const [first] = parts;
    if (first === undefined) return undefined;
    throw usageError(flags.command, `--${first[0]} ${first[1].text}: there is no --subnet that it could lie in`);
  }
  const made: { subnet: string; gateway?: string; range?: string }[] = subnets.map(({ text }) => ({ subnet: text }));
  for (const [flag, { text, address }] of parts) {
    const index = subnets.findIndex((subnet) => contains(subnet, address));
    const subnet = made[index];
    const key = flag === 'gateway' ? 'gateway' : 'range';
    if (subnet === undefined) throw refusedFlag(flags, flag, text, `one in ${subnets.map((one) => one.text).join(' or ')}`);
    if (subnet[key] !== undefined) throw refusedFlag(flags, flag, text, `one for the subnet ${subnet.subnet}`);
    subnet[key] = text;
  }
  return made;
}

interface Cidr {
  readonly text: string;
  readonly address: string;
  readonly length: number;
}

function cidrOf(text: string): Cidr | undefined {
  const [address = '', lengthText = '', ...more] = text.split('/');
  const length = integer(lengthText);
  const family = isIP(address);
  if (family === 0 || length === undefined || more.length > 0 || length > (family === 4 ? 32 : 128)) return undefined;
  return { text, address, length };
}

function contains(subnet: Cidr, address: string): boolean {
  const family = isIP(subnet.address);
  if (isIP(address) !== family) return false;
  const name = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(subnet.address, subnet.length, name);
  return list.check(address, name);
}
