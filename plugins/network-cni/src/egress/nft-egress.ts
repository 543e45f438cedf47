import { isIP } from 'node:net';
import path from 'node:path';
import { type EgressPolicy, hasCode, SlipwayError, step } from '@slipway/plugin-api';
import { forwardVersion6, type HostLink, hostLink, pinnedBridge } from '../firewall/bridge.js';
import { forgetAddress } from '../firewall/conntrack.js';
import { applyNft, isVersion6, listNft, type NftListing, nftId, withoutPrefix } from '../firewall/nft.js';
import { needTool } from '../firewall/run-tool.js';
import { dnsmasqFeatures } from '../names/dnsmasq.js';
import { lockFolder, type SharedFolder } from '../names/locked-folder.js';
import { freePort, OwnResolvers } from '../names/own-resolvers.js';
import type { Egress, RestrictedAttachment } from '../services.js';
import { allTables, baseLines, nameOf, ownerOf, type Restricted, restrictedLines, setLines } from './egress-rules.js';
import { hostNameservers } from './host-nameservers.js';
import { checkPolicy } from './policy.js';
import { resolverArgs } from './resolver-args.js';

export interface EgressTimes {
  readonly nameSeconds: number;
  readonly graceSeconds: number;
}

const usual: EgressTimes = { nameSeconds: 3600, graceSeconds: 300 };

/**
 * Keeps a container to a policy by rules on the host, which are found by its id alone. What the container does with its interfaces, addresses, routes and resolver changes none of
 * them: a packet that is not from the address that it was given, or goes elsewhere than it may, goes nowhere.
 */
export class NftEgress implements Egress {
  readonly #folder: string;
  readonly #resolvers: OwnResolvers;
  readonly #times: EgressTimes;

  /** `folder` is one that does not outlive a boot. */
  constructor(folder: string, times: EgressTimes = usual) {
    this.#folder = folder;
    this.#resolvers = new OwnResolvers(folder);
    this.#times = times;
  }

  async check(id: string, policy: EgressPolicy): Promise<void> {
    const what = `egress policy of "${nftId(id)}"`;
    const { zones } = checkPolicy(what, policy);
    for (const tool of ['nft', 'conntrack'] as const) needTool(what, tool);
    if (zones.length > 0 && !(await dnsmasqFeatures(what)).hasNftSets) throw noNftSets(what);
  }

  async restrict(
    id: string,
    policy: EgressPolicy,
    attachments: readonly RestrictedAttachment[],
    nameservers: readonly string[],
  ): Promise<{ readonly nameservers: readonly string[] }> {
    const what = `egress policy of "${nftId(id)}"`;
    const checked = checkPolicy(what, policy);
    if (attachments.length === 0) throw notEnforced(what);
    const hasNames = checked.zones.length > 0;
    const [before, gates] = await Promise.all([listNft(what, allTables), gatesOf(what, attachments)]);
    if (attachments.some(({ addresses }) => addresses.some(isVersion6))) await forwardVersion6(what);
    const local = [...new Set(gates.flatMap((gate) => gate.addresses))];
    const asked = hasNames ? resolverAddresses(local) : nameservers;
    const restricted: Omit<Restricted, 'resolverPort'> = {
      id,
      policy: checked,
      attachments: attachments.map((each, index) => ({
        ...each,
        bridgeMac: gates[index]?.name === each.hostInterface ? undefined : gates[index]?.mac,
      })),
      nameservers: asked,
      ...this.#times,
    };
    if (hasNames) await this.#withResolver(what, restricted, before, nameservers);
    else {
      await applyNft(what, ruleLines({ ...restricted, resolverPort: undefined }, before));
      await this.#endResolver(id);
    }
    step('network.egress.restricted', { id });
    // Flows of whoever had these addresses before are not this container's to go on with.
    const own = attachments.flatMap(({ addresses }) => addresses.map(withoutPrefix));
    await Promise.all(own.map((address) => forgetAddress(what, address)));
    step('network.egress.forgotten', { id });
    return { nameservers: asked };
  }

  /** The resolver fills sets, so they are made before it starts; the rules name its port, so they come with it. */
  async #withResolver(
    what: string,
    restricted: Omit<Restricted, 'resolverPort'>,
    before: NftListing,
    nameservers: readonly string[],
  ): Promise<void> {
    const { id, policy, nameservers: addresses } = restricted;
    const args = resolverArgs(id, policy.zones, nameservers.length > 0 ? nameservers : hostNameservers(what));
    using _lock = await lockFolder(this.#folderOf(id), true);
    await this.#resolvers.stop(id);
    for (let tries = 0; ; tries++) {
      const port = await freePort(addresses[0] ?? '');
      await applyNft(
        what,
        ruleLines({ ...restricted, resolverPort: port }, tries === 0 ? before : await listNft(what, allTables)),
      );
      step('network.egress.ruled', { id });
      try {
        await this.#resolvers.start(what, id, { port, addresses, args });
        step('network.egress.resolver', { id });
        return;
      } catch (error) {
        if (tries > 20 || !hasCode(error, 'NETWORK_RESOLVER_ADDRESS_TAKEN')) throw error;
      }
    }
  }

  async release(id: string): Promise<void> {
    await this.#release(`egress policy of "${nftId(id)}"`, (owner) => owner === id);
  }

  /** Also starts resolvers of the living again that were killed. */
  async cleanup(living: ReadonlySet<string>): Promise<void> {
    const what = 'clean up egress policies';
    await this.#release(what, (owner) => !living.has(owner));
    for (const id of this.#resolvers.ids()) {
      // One who detaches meanwhile ends it for good.
      using lock = await lockFolder(this.#folderOf(id), false);
      const settings = lock === undefined ? undefined : this.#resolvers.settings(id);
      if (settings !== undefined && !this.#resolvers.isRunning(id)) await this.#resolvers.start(what, id, settings);
    }
  }

  async #endResolver(id: string): Promise<void> {
    using lock = await lockFolder(this.#folderOf(id), false);
    if (lock !== undefined) await this.#resolvers.remove(id);
  }

  #folderOf(id: string): SharedFolder {
    return { path: path.join(this.#folder, id), fill: () => undefined };
  }

  async #release(what: string, isOwner: (id: string) => boolean): Promise<void> {
    for (const id of this.#resolvers.ids()) if (isOwner(id)) await this.#endResolver(id);
    step('network.egress.resolver-ended');
    for (let tries = 0; ; tries++) {
      const lines = removalLines(await listNft(what, allTables), isOwner, true);
      if (lines.length === 0) return;
      try {
        await applyNft(what, lines);
        return;
      } catch (error) {
        // Another one, or the kernel with an interface that has gone, removes the same at this moment.
        if (tries === 5) throw error;
      }
    }
  }
}

function ruleLines(restricted: Restricted, before: NftListing): string[] {
  return [
    ...baseLines.filter((line) => line.startsWith('add table')),
    ...removalLines(before, (owner) => owner === restricted.id, false),
    ...setLines(restricted),
    ...baseLines,
    ...restrictedLines(restricted),
  ];
}

/** Elements first, then the chains that they led to, then the sets of these. */
function removalLines({ elements, chains, sets }: NftListing, isOwner: (id: string) => boolean, hasSets: boolean): string[] {
  const isOwned = (owner: string | undefined): boolean => owner !== undefined && isOwner(owner);
  const owned = chains.filter(({ name }) => isOwned(ownerOf(name)));
  return [
    ...elements
      .filter(({ comment }) => isOwned(comment))
      .map(({ table, set, key }) => `delete element ${nameOf(table)} ${set} { ${key} }`),
    ...owned.map(({ table, name }) => `flush chain ${nameOf(table)} ${name}`),
    ...owned.map(({ table, name }) => `delete chain ${nameOf(table)} ${name}`),
    ...(hasSets ? sets.filter(({ name }) => isOwned(ownerOf(name))) : []).map(
      ({ table, name }) => `delete set ${nameOf(table)} ${name}`,
    ),
  ];
}

/** For each interface the link whose addresses the container sees as the host's: its bridge, or itself where it is on none. */
async function gatesOf(what: string, attachments: readonly RestrictedAttachment[]): Promise<readonly HostLink[]> {
  const bridges = new Map<string, HostLink>();
  const gates: HostLink[] = [];
  for (const { hostInterface } of attachments) {
    const link = await hostLink(what, hostInterface);
    const gate = link.bridge === undefined ? link : (bridges.get(link.bridge) ?? (await pinnedBridge(what, link.bridge)));
    if (link.bridge !== undefined) bridges.set(link.bridge, gate);
    gates.push(gate);
  }
  return gates;
}

/** One of each family is enough, and of IPv6 only where there is no other. */
function resolverAddresses(local: readonly string[]): string[] {
  const four = local.filter((address) => isIP(address) === 4);
  return four.length > 0 ? four : local.filter((address) => isIP(address) === 6);
}

const notEnforced = (what: string): SlipwayError =>
  new SlipwayError({
    kind: 'unimplemented',
    code: 'EGRESS_NOT_ENFORCED',
    message: `${what}: none of its networks has an interface on the host that rules could be bound to`,
    hint: 'join networks with a bridge only',
  });

const noNftSets = (what: string): SlipwayError =>
  new SlipwayError({
    kind: 'failed-precondition',
    code: 'EGRESS_NAMES_NOT_SUPPORTED',
    message: `${what}: the host's dnsmasq cannot allow the addresses of names: it was built without nftset, or is older than 2.87`,
    hint: 'install a newer one (apt install dnsmasq-base), or allow addresses only',
  });
