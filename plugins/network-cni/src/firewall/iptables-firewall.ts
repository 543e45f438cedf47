import { step } from '@slipway/plugin-api';
import { lockNamespace } from '../locks.js';
import type { OwnNetwork } from '../networks/own-network.js';
import type { Firewall } from '../services.js';
import { makeBridge, removeBridge, turnForwardingOn } from './bridge.js';
import { type Family, familiesOf, networkRules, type OwnChain } from './iptables-rules.js';
import { nftId, nftInterface } from './nft.js';
import { checkLoopback } from './published-ports.js';
import { useTool } from './run-tool.js';

/**
 * Ports and forwarding are CNI's (its plugins portmap and firewall, which do whatever the host's firewalld needs). What is of a network as a whole is in chains of our own, which are
 * named for its bridge.
 */
export const iptablesFirewall: Firewall = {
  kind: 'iptables',
  chainPlugins: () => [{ type: 'portmap', capabilities: { portMappings: true }, snat: true }, { type: 'firewall' }],
  prepareNetwork,
  removeNetwork,
  // The plugin portmap has done it, and undoes it by the container's id alone.
  publish: async (id, ports) => checkLoopback(`publish ports of ${nftId(id)}`, ports),
  unpublish: async () => undefined,
  // Chains of that plugin name no engine: one of an id that nobody here knows may be another engine's.
  cleanup: async () => undefined,
};

async function prepareNetwork(network: OwnNetwork): Promise<void> {
  const what = `prepare network "${network.name}"`;
  await makeBridge(network);
  step('network.firewall.bridge', { network: network.name });
  await Promise.all(familiesOf(network).map((family) => addMissing(what, network, family)));
  step('network.firewall.prepared', { network: network.name });
  await turnForwardingOn(what, network);
}

async function addMissing(what: string, network: OwnNetwork, family: Family): Promise<void> {
  const script = async (): Promise<string> =>
    missing(networkRules(network, family), new Set((await useTool(what, `${family}-save`, [])).split('\n')));
  if ((await script()) === '') return;
  using _lock = await lockNamespace();
  const again = await script();
  if (again !== '') await useTool(what, `${family}-restore`, ['--wait', '--noflush'], again);
}

/** Chains are declared, which empties them, and filled again where a rule is not there; a jump to one is added where there is none. */
function missing(chains: readonly OwnChain[], there: ReadonlySet<string>): string {
  const lines: string[] = [];
  for (const table of new Set(chains.map((chain) => chain.table))) {
    const added = chains.filter((chain) => chain.table === table).flatMap((chain) => missingOf(chain, there));
    if (added.length > 0) lines.push(`*${table}`, ...added, 'COMMIT');
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function missingOf({ name, from, rules, isShared }: OwnChain, there: ReadonlySet<string>): string[] {
  const isThere = [...there].some((line) => line.startsWith(`:${name} `));
  const own = rules.map((rule) => `-A ${name} ${rule}`);
  const jump = from === undefined ? [] : [`-A ${from} -j ${name}`].filter((line) => !there.has(line));
  if (isShared) {
    const shared = own
      .filter((line) => !there.has(line))
      .map((line) => (line.endsWith('-j DROP') ? line : line.replace('-A ', '-I ')));
    return [...(isThere ? [] : [`:${name} - [0:0]`]), ...shared, ...jump];
  }
  const isWhole = isThere && own.every((line) => there.has(line));
  return isWhole ? jump : [`:${name} - [0:0]`, ...own, ...jump];
}

async function removeNetwork(network: OwnNetwork): Promise<void> {
  const what = `remove network "${network.name}"`;
  using _lock = await lockNamespace();
  nftInterface(network.bridge);
  for (const family of familiesOf(network)) {
    const there = (await useTool(what, `${family}-save`, [])).split('\n');
    const script = removal(networkRules(network, family), there);
    if (script !== '') await useTool(what, `${family}-restore`, ['--wait', '--noflush'], script);
  }
  await removeBridge(network);
}

function removal(chains: readonly OwnChain[], there: readonly string[]): string {
  const lines: string[] = [];
  for (const table of new Set(chains.map((chain) => chain.table))) {
    const own = chains.filter((chain) => chain.table === table);
    const rules = own.flatMap(({ name, from, isShared, rules }) => [
      ...(from === undefined ? [] : [`-A ${from} -j ${name}`]),
      ...(isShared ? rules.filter((rule) => rule !== '-j DROP').map((rule) => `-A ${name} ${rule}`) : []),
    ]);
    // Each as often as it is there: two that prepared at once may have added a jump each.
    const deleted = there.filter((line) => rules.includes(line)).map((line) => line.replace('-A ', '-D '));
    const isUsed = (name: string): boolean =>
      there.some((line) => line.startsWith(`-A ${name} `) && line.endsWith('-j RETURN') && !rules.includes(line));
    const names = own
      .map(({ name }) => name)
      .filter((name) => there.some((line) => line.startsWith(`:${name} `)) && !isUsed(name));
    const emptied = names.map((name) => `-F ${name}`);
    const removed = names.map((name) => `-X ${name}`);
    if (deleted.length + names.length > 0) lines.push(`*${table}`, ...deleted, ...emptied, ...removed, 'COMMIT');
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
