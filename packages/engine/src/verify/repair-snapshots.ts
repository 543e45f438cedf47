import { type Digest, isKind, type SnapshotInfo, type Snapshotter, step, throwIfAborted } from '@slipway/plugin-api';
import { containerRows } from '../metadata/container-rows.js';
import { imageMountsTable } from '../metadata/mounts.js';
import { rowName, rowPrefix } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';
import { stackWith } from '../stack.js';
import { ensureUnpacked } from '../unpack/ensure-unpacked.js';
import type { Verification } from './verification.js';
import type { Unpackable } from './walk-image.js';

/**
 * Removes damaged snapshots with all that grows on them, children first, and unpacks the images again that need them. What a container
 * or a mount is made of is left alone.
 *
 * @returns what could not be repaired, and why
 */
export async function repairSnapshots(
  verification: Verification,
  id: string,
  snapshotter: Snapshotter,
  damaged: readonly Digest[],
  images: readonly Unpackable[],
): Promise<Map<Digest, string>> {
  const { parts, options } = verification;
  const failures = new Map<Digest, string>();
  const attempt = async (chainIds: readonly Digest[], work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      throwIfAborted('verify', options.signal);
      if (isKind(error, 'resource-exhausted')) throw error;
      for (const chainId of chainIds) failures.set(chainId, error instanceof Error ? error.message : String(error));
    }
  };
  for (const chainId of damaged) {
    options.onProgress?.({ type: 'repair', what: 'snapshot', name: chainId });
    const family = await familyOf(snapshotter, chainId);
    const user = family.find(({ kind }) => kind !== 'committed');
    if (user !== undefined) failures.set(chainId, `${userOf(parts, user.name)} uses it: end that first`);
    else await attempt([chainId], () => removeAll(snapshotter, family));
  }
  for (const { loaded } of images) {
    const mine = damaged.filter((chainId) => loaded.chain.includes(chainId) && !failures.has(chainId));
    if (mine.length === 0) continue;
    await attempt(mine, () => ensureUnpacked(parts, stackWith(parts, id), loaded, { signal: options.signal }));
    step('verify.snapshot.repaired', { snapshotter: id, image: loaded.descriptor.digest });
  }
  return failures;
}

/** A snapshot and what grows on it, children first. */
async function familyOf(snapshotter: Snapshotter, name: string): Promise<SnapshotInfo[]> {
  const all: SnapshotInfo[] = [];
  for await (const info of snapshotter.walk()) all.push(info);
  const family = all.filter((info) => info.name === name);
  for (const member of family) family.push(...all.filter(({ parent }) => parent === member.name));
  return family.reverse();
}

async function removeAll(snapshotter: Snapshotter, family: readonly SnapshotInfo[]): Promise<void> {
  for (const { name } of family) {
    try {
      await snapshotter.remove(name);
    } catch (error) {
      if (!isKind(error, 'not-found')) throw error;
    }
  }
}

function userOf({ metadata }: EngineParts, key: string): string {
  return metadata.read((tx) => {
    const container = containerRows(tx).readable.find(({ row }) => row.snapshotKey === key);
    if (container !== undefined) return `container "${container.row.name}"`;
    for (const [row, { snapshotKey }] of tx.entries(imageMountsTable, { prefix: rowPrefix }))
      if (snapshotKey === key) return `the mount on "${rowName(row)}"`;
    return `snapshot "${key}"`;
  });
}
