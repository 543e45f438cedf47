import { isKind, type Snapshotter } from '@slipway/plugin-api';
import { removeStrayFolders } from '../containers/folder.js';
import { containerSnapshotKey } from '../containers/make.js';
import { removeFreeLocks } from '../locks/index.js';
import { bootId, lastBoot, recordBoot } from '../metadata/boot.js';
import { containerRows } from '../metadata/container-rows.js';
import { type ContainerRow, deleteContainer } from '../metadata/containers.js';
import { finishAllDeletions } from '../metadata/deletion.js';
import { deletionLock } from '../metadata/deletion-lock.js';
import { endLease, leasesTable } from '../metadata/leases.js';
import { imageMountsTable } from '../metadata/mounts.js';
import { rowName, rowPrefix } from '../metadata/rows.js';
import { writeNamesCopy } from '../names/names-copy.js';
import type { EngineParts } from '../settings.js';
import { ignoring } from './ignoring.js';

/**
 * The state folder, and with it the operation records, is gone after a reboot, and so is every process. What operations
 * left in the root folder then has no record: it is found by the boot id that was written when the root was last used.
 */
export async function sweepAfterReboot(parts: EngineParts): Promise<void> {
  const current = bootId();
  // Of the root, whatever state folders there are: else what one has begun would be in flight for another. It needs no room on a full disk.
  using _lock = await deletionLock(parts.settings.root);
  // Another process was first.
  if (lastBoot(parts.metadata) === current) return;
  if (lastBoot(parts.metadata) !== undefined) await sweepEverythingInFlight(parts);
  await parts.metadata.write((tx) => recordBoot(tx, current));
}

async function sweepEverythingInFlight(parts: EngineParts): Promise<void> {
  parts.log.info('the machine was restarted: cleaning up what was in flight');
  for (const { ref } of await parts.store.listStatuses()) await ignoring(parts.store.abort(ref), 'not-found');
  const snapshotters = new Set(Object.values(parts.settings.stacks).flatMap((stack) => stack.snapshotter));
  for (const id of snapshotters) {
    const snapshotter = await parts.snapshotters.get(id).catch(() => undefined);
    if (snapshotter !== undefined) await removeUncommitted(snapshotter, await keptKeys(parts, id, snapshotter));
  }
  await cleanUpVolumes(parts);
  await cleanUpNetworks(parts);
  removeStrayFolders(parts);
  await finishAllDeletions(parts);
  removeFreeLocks(parts.settings.root);
  const leases = parts.metadata.read((tx) => [...tx.entries(leasesTable, { prefix: rowPrefix })].map(([key]) => rowName(key)));
  for (const id of leases) await endLease(parts.metadata, id);
  // Who was cut off between a change of names and their copy has no record of it any more.
  await writeNamesCopy(parts).catch((error: unknown) =>
    parts.log.debug(`the copy of the names is not brought up to date: ${String(error)}`),
  );
  await parts.metadata.write((tx) => {
    for (const [key] of [...tx.entries(imageMountsTable, { prefix: rowPrefix })]) tx.delete(imageMountsTable, key);
  });
}

/**
 * The snapshots of containers that stay, also of those whose rows cannot be read. One that goes when it ends has ended; of one that was being made or removed there is a row without a snapshot.
 */
async function keptKeys(parts: EngineParts, id: string, snapshotter: Snapshotter): Promise<ReadonlySet<string>> {
  const { readable, unreadable } = parts.metadata.read(containerRows);
  for (const { error } of unreadable) parts.log.warn(error.message);
  const kept = new Set(unreadable.map((container) => containerSnapshotKey(container.id)));
  for (const container of readable) {
    const { row } = container;
    if (row.snapshotter !== id) continue;
    if (!row.removeAtExit && (await isThere(snapshotter, row.snapshotKey))) kept.add(row.snapshotKey);
    else {
      await parts.metadata.write((tx) => deleteContainer(tx, container.id));
      if (row.removeAtExit) await releaseVolumes(parts, row);
    }
  }
  return kept;
}

async function releaseVolumes(parts: EngineParts, { volumes }: ContainerRow): Promise<void> {
  const { releaseAnonymousVolume } = await import('../volumes/remove-volume.js');
  for (const { driver, name, anonymous } of volumes) {
    if (!anonymous) continue;
    await releaseAnonymousVolume(parts, driver, name).catch((error: unknown) =>
      parts.log.warn(`volume "${name}" stays until it is pruned: ${String(error)}`),
    );
  }
}

/** Nobody has any, as no container runs. */
async function cleanUpVolumes(parts: EngineParts): Promise<void> {
  for (const id of parts.volumes.ids) {
    try {
      await (await parts.volumes.get(id)).cleanup(new Set());
    } catch (error) {
      parts.log.warn(`volumes of driver "${id}" are not cleaned up: ${String(error)}`);
    }
  }
}

/** The kernel has none any more; what a plugin keeps of them on disk may be there. */
async function cleanUpNetworks(parts: EngineParts): Promise<void> {
  for (const id of parts.networks.ids) {
    try {
      await (await parts.networks.get(id)).cleanup(new Set());
    } catch (error) {
      parts.log.warn(`networks of "${id}" are not cleaned up: ${String(error)}`);
    }
  }
}

async function isThere(snapshotter: Snapshotter, key: string): Promise<boolean> {
  try {
    await snapshotter.stat(key);
    return true;
  } catch (error) {
    if (isKind(error, 'not-found')) return false;
    throw error;
  }
}

async function removeUncommitted(snapshotter: Snapshotter, kept: ReadonlySet<string>): Promise<void> {
  const keys: string[] = [];
  for await (const info of snapshotter.walk()) if (info.kind !== 'committed' && !kept.has(info.name)) keys.push(info.name);
  for (const key of keys) await ignoring(snapshotter.remove(key), 'not-found');
  await snapshotter.cleanup();
}
