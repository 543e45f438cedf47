import {
  type AttachNetworksRequest,
  isSlipwayError,
  type NetworkAttachment,
  type PublishedPort,
  SlipwayError,
  step,
  throwIfAborted,
  wrapError,
} from '@slipway/plugin-api';
import { addChain, checkStatus } from '../cni/chain.js';
import type { PluginConfig } from '../cni/conflist.js';
import type { CniResult } from '../cni/result.js';
import { checkPolicy } from '../egress/policy.js';
import { alreadyAttached, invalid, networkNotFound, notEnforced } from '../errors.js';
import { lockPath, type PathLock } from '../locks.js';
import type { KnownNetwork } from '../networks/network-book.js';
import type { AttachmentEntry, AttachmentRecord, ClaimedRecord } from './attachment-record.js';
import { checkJoin, checkPorts, type JoinPlan, plannedEntry } from './join-plan.js';
import { Joining } from './joining.js';
import { addressError, attachmentOf } from './made-attachment.js';
import { type NamespacePlace, namespaceAt } from './namespace.js';
import type { AttachPlace } from './place.js';
import { release } from './release.js';
import { egressOf, joinedNetworks, restrictAgain, withoutPrefix } from './services-of.js';
import { moveIn, openStaging, type Staging } from './staging.js';

/** All of the networks, or none. */
export async function attach(place: AttachPlace, request: AttachNetworksRequest): Promise<readonly NetworkAttachment[]> {
  const { id, signal } = request;
  const what = `attach "${id}"`;
  throwIfAborted(what, signal);
  const namespace = namespaceAt(what, request.namespace);
  if (request.networks.length === 0) throw invalid(what, 'no network is given');
  if (request.egress !== undefined) await (await place.services()).egress.check(id, request.egress);
  const found = await Promise.all(request.networks.map(({ network }) => place.book.get('join', network, signal)));
  using held = new DisposableStack();
  held.use(await place.records.attaching(signal));
  const known = await heldNetworks(place, held, found, signal);
  using claimed = await place.records.claim(id, { make: true, signal });
  if (claimed === undefined) throw new Error('a record that is to be made is there');
  let record: AttachmentRecord | undefined;
  try {
    record = await startingRecord(place, claimed, request);
    const plans = await planned(place, what, request, record, known, namespace);
    return await join(place, claimed, record, plans, request);
  } finally {
    if ((claimed.read()?.entries.length ?? 0) === 0) claimed.remove();
  }
}

/** Nobody removes a network while somebody joins it. One that was removed and created again before is what it is now. */
async function heldNetworks(
  { book }: AttachPlace,
  held: DisposableStack,
  found: readonly KnownNetwork[],
  signal: AbortSignal | undefined,
): Promise<readonly KnownNetwork[]> {
  const known: KnownNetwork[] = [];
  for (const each of found) {
    if (each.kind === 'own') {
      const lock = await lockPath(each.own.file, 'shared', { signal }).catch((error: unknown): PathLock => {
        throw isSlipwayError(error) ? error : networkNotFound('join', each.name);
      });
      held.use(lock);
    }
    const now = each.kind === 'own' ? book.find(each.name) : each;
    if (now === undefined) throw networkNotFound('join', each.name);
    known.push(now);
  }
  return known;
}

/** What a killed one has left is taken back first. */
async function startingRecord(
  place: AttachPlace,
  claimed: ClaimedRecord,
  { id, names }: AttachNetworksRequest,
): Promise<AttachmentRecord> {
  const fresh: AttachmentRecord = { version: 1, id, names: [...names], entries: [] };
  const found = claimed.read();
  if (found === undefined) return fresh;
  const unfinished = found.entries.filter(({ isAttached }) => !isAttached);
  const left = unfinished.length === 0 ? found : await release(place, claimed, found, unfinished);
  return left.entries.length === 0 ? fresh : { ...left, names: [...names] };
}

async function planned(
  place: AttachPlace,
  what: string,
  { id, networks, ports = [], egress }: AttachNetworksRequest,
  record: AttachmentRecord,
  known: readonly KnownNetwork[],
  namespace: NamespacePlace,
): Promise<readonly JoinPlan[]> {
  const policy = egress ?? record.egress;
  if (policy !== undefined) checkPolicy(what, policy);
  const seen = new Set(record.entries.map(({ network }) => network));
  const taken = record.entries.map(({ interface: name }) => Number(/^eth(\d+)$/.exec(name)?.[1] ?? -1));
  let next = Math.max(-1, ...taken) + 1;
  let hasDefaultRoute = record.entries.some(({ attachment }) => (attachment?.gateways.length ?? 0) > 0);
  const { firewall } = await place.services();
  return networks.map((join, index) => {
    const network = known[index];
    if (network === undefined) throw networkNotFound('join', join.network);
    if (seen.has(network.name)) throw alreadyAttached(id, network.name);
    seen.add(network.name);
    const plan: JoinPlan = {
      known: network,
      join,
      interface: `eth${next++}`,
      namespace,
      isDefaultRoute: !hasDefaultRoute,
      ports: index === 0 ? ports : [],
      furtherPlugins: network.kind === 'own' ? firewall.chainPlugins(network.own).filter(isNeeded(index === 0 ? ports : [])) : [],
      addressFolder: place.records.addresses,
    };
    hasDefaultRoute ||= network.kind === 'foreign' || !network.own.internal;
    if (policy !== undefined && network.kind === 'foreign') throw notEnforced(what, network.name);
    checkJoin(what, plan);
    if (index === 0) checkPorts(what, ports, plan);
    return plan;
  });
}

/** The plugin portmap asks iptables for a container's chains at each DEL, also of one that never had ports: half of the time of a detach. */
const isNeeded =
  (ports: readonly PublishedPort[]) =>
  ({ capabilities }: PluginConfig): boolean =>
    ports.length > 0 || capabilities?.['portMappings'] !== true;

async function join(
  place: AttachPlace,
  claimed: ClaimedRecord,
  before: AttachmentRecord,
  plans: readonly JoinPlan[],
  request: AttachNetworksRequest,
): Promise<readonly NetworkAttachment[]> {
  const { id, ports, egress, nameservers } = request;
  const work = new Joining(claimed, {
    ...before,
    ...(ports === undefined || ports.length === 0 ? {} : { ports: [...ports] }),
    ...(egress === undefined ? {} : { egress: egressOf(egress) }),
    ...(nameservers === undefined ? {} : { nameservers: [...nameservers] }),
  });
  const own = plans.map(({ known }) => known.name);
  try {
    for (const plan of plans) {
      await checkStatus({ conflist: plan.known.conflist, folders: place.config.plugin_folders, signal: request.signal });
    }
    using staging = isRestrictedAndRuns(work.record) ? openStaging() : undefined;
    for (const plan of plans) await joinOne(place, work, plan, staging, request.signal);
    throwIfAborted(`attach "${id}"`, request.signal);
    await serve(place, work, own, request);
    if (staging !== undefined) for (const plan of plans) await moveOne(work, plan, staging, request.signal);
    throwIfAborted(`attach "${id}"`, request.signal);
    work.update((entry) => ({ ...entry, isAttached: true }), own);
    step('network.attach.done', { id });
  } catch (error) {
    const made = work.record.entries.filter(({ network }) => own.includes(network));
    await release(place, claimed, { ...work.record, ...undone(before, work.record) }, made).catch((second: unknown) => {
      throw withSecond(error, second);
    });
    throw error;
  }
  return work.record.entries.flatMap(({ network, attachment }) =>
    attachment !== undefined && own.includes(network) ? [attachment] : [],
  );
}

/** Why it failed comes first; that something stays is told, too. */
function withSecond(error: unknown, second: unknown): SlipwayError {
  const [first, other] = [wrapError('attach', error), wrapError('take back what was attached', second)];
  return new SlipwayError({
    kind: first.kind,
    code: first.code,
    message: `${first.message}; and it could not be taken back: ${other.message}`,
    hint: first.hint,
    cause: new AggregateError([error, second]),
    details: first.details,
  });
}

/** Others were attached before it was started. */
const isRestrictedAndRuns = ({ egress, entries }: AttachmentRecord): boolean =>
  egress !== undefined && entries.some(({ isAttached }) => isAttached);

async function moveOne(
  work: Joining,
  { known, namespace, isDefaultRoute }: JoinPlan,
  staging: Staging,
  signal: AbortSignal | undefined,
): Promise<void> {
  const entry = work.record.entries.find(({ network }) => network === known.name);
  if (entry?.attachment === undefined) return;
  const { interface: name, addresses, gateways } = entry.attachment;
  await moveIn(staging.place, namespace, { name, addresses, gateways: isDefaultRoute ? gateways : [] }, signal);
  work.update((each) => ({ ...each, namespace }), [known.name]);
}

/** Ports and policy, as far as they have come with what is taken back. */
function undone(before: AttachmentRecord, now: AttachmentRecord): Partial<AttachmentRecord> {
  return before.entries.length === 0 ? now : before.egress === undefined ? {} : { egress: before.egress };
}

async function joinOne(
  place: AttachPlace,
  work: Joining,
  plan: JoinPlan,
  staging: Staging | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { id } = work.record;
  const { known } = plan;
  const entry = plannedEntry(staging === undefined ? plan : { ...plan, namespace: staging.place });
  work.add(entry);
  step('network.attach.noted', { id, network: known.name });
  const set = (results: AttachmentEntry['results'], rest: Partial<AttachmentEntry> = {}): void =>
    work.update((each) => ({ ...each, results, ...rest }), [known.name]);
  const results: (CniResult | null)[] = [];
  const { firewall } = await place.services();
  // Not one after the other: neither needs the other's.
  const [result] = await allOf([
    addChain(
      {
        conflist: entry.conflist,
        folders: place.config.plugin_folders,
        containerId: id,
        interface: entry.interface,
        namespace: entry.namespace.path,
        args: entry.args,
        capabilityArgs: entry.capabilityArgs,
        lock: work.claimed.lock.fd,
        signal,
      },
      {
        begins(index) {
          results[index] = null;
          set([...results]);
          step('network.attach.begins', { id, network: known.name, index });
        },
        ended(index, found) {
          results[index] = found;
          set([...results]);
          step('network.attach.added', { id, network: known.name, index });
        },
      },
    ),
    known.kind === 'own' ? firewall.prepareNetwork(known.own) : Promise.resolve(),
  ]).catch((error: unknown) => {
    throw addressError(error, plan);
  });
  const made = attachmentOf(plan, result);
  set([...results], made);
}

/** Both have ended when it does: what fails is not taken back while the other goes on. */
async function allOf<A, B>(works: readonly [Promise<A>, Promise<B>]): Promise<[A, B]> {
  await Promise.allSettled(works);
  return await Promise.all(works);
}

/** Names, what it may connect to, and ports. */
async function serve(
  place: AttachPlace,
  work: Joining,
  networks: readonly string[],
  request: AttachNetworksRequest,
): Promise<void> {
  const { id, names: wanted, ports = [] } = request;
  const { firewall, names } = await place.services();
  for (const { network, own, attachment, aliases } of work.record.entries) {
    if (own === undefined || attachment === undefined || !networks.includes(network)) continue;
    const addresses = attachment.addresses.map(withoutPrefix);
    const resolver = await names.add(own, { id, names: wanted, aliases, addresses });
    step('network.attach.named', { id, network });
    work.update(
      (entry) => ({
        ...entry,
        attachment: { ...attachment, nameservers: [...resolver.nameservers], search: [...resolver.search] },
      }),
      [network],
    );
  }
  await names.join(id, joinedNetworks(work.record.entries), work.record.nameservers ?? []);
  if (work.record.egress !== undefined) {
    const asked = await restrictAgain(place, work.record);
    step('network.attach.restricted', { id });
    work.update(
      ({ attachment, ...entry }) =>
        attachment === undefined ? entry : { ...entry, attachment: { ...attachment, nameservers: [...asked] } },
      networks,
    );
  }
  const first = work.record.entries.find(({ network }) => network === networks[0]);
  if (ports.length > 0 && first?.own !== undefined && first.attachment !== undefined) {
    await firewall.publish(id, ports, first.attachment);
    step('network.attach.published', { id });
  }
}
