import { hasCode, step } from '@slipway/plugin-api';
import { applyNft, isVersion6, listNft, type NftTable, nftAddress, nftPort } from '../firewall/nft.js';
import { freePort, type OwnResolvers } from './own-resolvers.js';

const table: NftTable = { family: 'inet', name: 'slipway_names' };
const tableName = `${table.family} ${table.name}`;

/** What a container with addresses asks the network's resolver is led to one of its own; after that of an egress policy, which has its own, too. */
const baseLines = [
  `add table ${tableName}`,
  `add map ${tableName} resolvers4 { type ipv4_addr : inet_service; }`,
  `add map ${tableName} resolvers6 { type ipv6_addr : inet_service; }`,
  `add chain ${tableName} resolvers { type nat hook prerouting priority -105; policy accept; }`,
  `flush chain ${tableName} resolvers`,
  ...['ip', 'ip6'].map(
    (family) =>
      `add rule ${tableName} resolvers fib daddr type local meta l4proto { tcp, udp } th dport 53 redirect to :${family} saddr map @resolvers${family === 'ip' ? 4 : 6}`,
  ),
];

export interface OwnUpstream {
  readonly id: string;
  /** The container's. */
  readonly addresses: readonly string[];
  /** The network's resolver. */
  readonly listening: string;
  readonly nameservers: readonly string[];
  /** What the network's resolver sees. */
  readonly folder: string;
  readonly args: readonly string[];
}

/** A resolver for one container, which knows the network's names and asks others than the host's resolvers for the rest. */
export async function startOwnUpstream(what: string, resolvers: OwnResolvers, own: OwnUpstream): Promise<void> {
  const { id, addresses, listening, nameservers, folder } = own;
  await resolvers.stop(id);
  const args = ['--no-resolv', ...nameservers.map((address) => `--server=${nftAddress(address)}`), ...own.args];
  for (let tries = 0; ; tries++) {
    const port = await freePort(listening);
    try {
      await resolvers.start(what, id, { port, addresses: [listening], args, folder });
      await lead(what, addresses, port);
      step('network.names.own', { id });
      return;
    } catch (error) {
      if (tries > 20 || !hasCode(error, 'NETWORK_RESOLVER_ADDRESS_TAKEN')) throw error;
    }
  }
}

export async function stopOwnUpstream(
  what: string,
  resolvers: OwnResolvers,
  id: string,
  addresses: readonly string[],
): Promise<void> {
  if (!resolvers.ids().includes(id)) return;
  await lead(what, addresses, undefined);
  await resolvers.remove(id);
}

/** To that port, and no more to another one; without one, nowhere else. */
async function lead(what: string, addresses: readonly string[], port: number | undefined): Promise<void> {
  const there = (await listNft(what, [table])).elements.filter(({ key }) => addresses.includes(key));
  const lines = [
    ...there.map(({ set, key }) => `delete element ${tableName} ${set} { ${key} }`),
    ...(port === undefined ? [] : baseLines),
    ...(port === undefined ? [] : addresses).map(
      (address) =>
        `add element ${tableName} resolvers${isVersion6(address) ? 6 : 4} { ${nftAddress(address)} : ${nftPort(port ?? 0)} }`,
    ),
  ];
  if (lines.length > 0) await applyNft(what, lines);
}
