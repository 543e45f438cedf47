import { step } from '@slipway/plugin-api';
import { lockNamespace } from '../locks.js';
import type { OwnNetwork } from '../networks/own-network.js';
import type { Firewall } from '../services.js';
import { makeBridge, removeBridge, turnForwardingOn } from './bridge.js';
import { type Family, familiesOf, networkRules, type OwnChain } from './iptables-rules.js';
import { nftId, nftInterface } from './nft.js';
import { checkLoopback } from './published-ports.js';
import { runTool, toolFailed, useTool } from './run-tool.js';

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
  const script = async (): Promise<string> => missing(networkRules(network, family), await rulesThere(what, family));
  if ((await script()) === '') return;
  using _lock = await lockNamespace();
  await change(what, family, script);
}

/** Makes what is there what it is to be. Whoever is not us, and takes no lock, may have changed it since it was read: then it is read again. */
async function change(what: string, family: Family, script: () => Promise<string>): Promise<void> {
  for (let tries = 0; ; tries++) {
    const lines = await script();
    if (lines === '') return;
    const result = await runTool(what, `${family}-restore`, ['--wait', '--noflush'], lines);
    if (result.code === 0) return;
    if (tries === 5) throw toolFailed(what, `${family}-restore`, result);
  }
}

/** Lines of each table, by its name. */
type Rules = ReadonlyMap<string, readonly string[]>;

async function rulesThere(what: string, family: Family): Promise<Rules> {
  const rules = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of (await useTool(what, `${family}-save`, [])).split('\n')) {
    if (line.startsWith('*')) {
      lines = [];
      rules.set(line.slice(1), lines);
    } else lines.push(line);
  }
  return rules;
}

const isDeclared = (name: string, there: readonly string[]): boolean => there.some((line) => line.startsWith(`:${name} `));

const jumpTo = ({ from, name }: OwnChain): string => `-A ${from} -j ${name}`;

/** A chain is declared, which empties it, and filled again where a rule is not there; a jump to it is added where there is none. */
function missing(chains: readonly OwnChain[], there: Rules): string {
  return scriptOf(chains, there, (chain, lines) => {
    const own = chain.rules.map((rule) => `-A ${chain.name} ${rule}`);
    const isWhole = isDeclared(chain.name, lines) && own.every((line) => lines.includes(line));
    const hasJump = lines.includes(jumpTo(chain));
    return [...(isWhole ? [] : [`:${chain.name} - [0:0]`, ...own]), ...(hasJump ? [] : [jumpTo(chain)])];
  });
}

async function removeNetwork(network: OwnNetwork): Promise<void> {
  const what = `remove network "${network.name}"`;
  using _lock = await lockNamespace();
  nftInterface(network.bridge);
  for (const family of familiesOf(network)) {
    await change(what, family, async () => removal(networkRules(network, family), await rulesThere(what, family)));
  }
  await removeBridge(network);
}

function removal(chains: readonly OwnChain[], there: Rules): string {
  return scriptOf(chains, there, (chain, lines) => [
    // Each as often as it is there: two that prepared at once may have added a jump each.
    ...lines.filter((line) => line === jumpTo(chain)).map((line) => line.replace('-A ', '-D ')),
    ...(isDeclared(chain.name, lines) ? [`-F ${chain.name}`, `-X ${chain.name}`] : []),
  ]);
}

/** For iptables-restore; empty where there is nothing to do. */
function scriptOf(
  chains: readonly OwnChain[],
  there: Rules,
  linesOf: (chain: OwnChain, there: readonly string[]) => readonly string[],
): string {
  return chains
    .map((chain) => ({ table: chain.table, lines: linesOf(chain, there.get(chain.table) ?? []) }))
    .filter(({ lines }) => lines.length > 0)
    .map(({ table, lines }) => `${[`*${table}`, ...lines, 'COMMIT'].join('\n')}\n`)
    .join('');
}
