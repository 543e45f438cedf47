import path from 'node:path';
import { isKind, SlipwayError, step } from '@slipway/plugin-api';
import { deleteChain } from '../cni/chain.js';
import type { AttachmentEntry, AttachmentRecord, ClaimedRecord } from './attachment-record.js';
import { isNamespaceGone, removeHostInterface } from './host-interface.js';
import { removeLeakedChains } from './leaked-chains.js';
import { isStillThere, pathForOthers } from './namespace.js';
import type { AttachPlace } from './place.js';
import { joinedNetworks, restrictAgain } from './services-of.js';
import { removeUnfinishedAddresses } from './unfinished-addresses.js';

export interface ReleaseOptions {
  /** Where the namespace is now, if it is known. */
  readonly namespace?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes back what was made for these entries of a claimed record, last first, and goes through to the end whatever fails; what has been taken back is no more in the record
 * by then. Errors: all that failed, in one.
 */
export async function release(
  place: AttachPlace,
  claimed: ClaimedRecord,
  record: AttachmentRecord,
  entries: readonly AttachmentEntry[],
  options: ReleaseOptions = {},
): Promise<AttachmentRecord> {
  const { id } = record;
  const failures: unknown[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      if (isKind(error, 'canceled')) throw error;
      failures.push(error);
      return false;
    }
  };
  const { firewall, names, egress } = await place.services();
  let left = record;
  const isLast = entries.length === record.entries.length;
  if (isLast && record.ports !== undefined) await attempt(() => firewall.unpublish(id));
  const others = record.entries.filter(({ network }) => !entries.some((entry) => entry.network === network));
  await attempt(() => names.join(id, joinedNetworks(others), record.nameservers ?? []));
  for (const entry of entries.toReversed()) {
    const { own } = entry;
    const isGone = [
      own === undefined || (await attempt(() => names.remove(own, id))),
      await attempt(() => releaseEntry(place, claimed, id, entry, options)),
    ];
    if (!isGone.every(Boolean)) continue;
    left = { ...left, entries: left.entries.filter((each) => each.network !== entry.network) };
    claimed.write(left);
    step('network.detach.released', { id, network: entry.network });
  }
  if (record.egress !== undefined) await attempt(() => (isLast ? egress.release(id) : restrictAgain(place, left)));
  if (failures.length > 0) throw failed(id, failures);
  if (left.entries.length === 0) {
    claimed.remove();
    step('network.detach.forgotten', { id });
  }
  return left;
}

async function releaseEntry(
  { config, records }: AttachPlace,
  claimed: ClaimedRecord,
  id: string,
  entry: AttachmentEntry,
  { namespace, signal }: ReleaseOptions,
): Promise<void> {
  const given = namespace === undefined ? undefined : { ...entry.namespace, path: pathForOthers(namespace) };
  const noted = isNamespaceGone(entry) ? undefined : entry.namespace;
  const there = [given, noted].find((each) => each !== undefined && isStillThere(each));
  const failures = await deleteChain(
    {
      conflist: entry.conflist,
      folders: config.plugin_folders,
      containerId: id,
      interface: entry.interface,
      namespace: there?.path,
      args: entry.args,
      capabilityArgs: entry.capabilityArgs,
      lock: claimed.lock.fd,
      signal,
    },
    entry.results.map((result) => result ?? undefined),
  );
  step('network.detach.deleted', { id, network: entry.network });
  await removeHostInterface(entry);
  if (entry.own === undefined) await removeLeakedChains(entry.conflist, id);
  else await removeUnfinishedAddresses(path.join(records.addresses, entry.network));
  const [failure] = failures.values();
  if (failure !== undefined) throw failures.size === 1 ? failure : failed(id, [...failures.values()]);
}

function failed(id: string, failures: readonly unknown[]): unknown {
  const [first] = failures;
  if (failures.length === 1) return first;
  const messages = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)));
  return new SlipwayError({
    kind: 'internal',
    code: 'NETWORK_DETACH_FAILED',
    message: `detach "${id}": ${messages.join('; ')}`,
    hint: 'all else was released; detach it again when the reason is gone',
    cause: first,
    details: { id, failures: messages },
  });
}
