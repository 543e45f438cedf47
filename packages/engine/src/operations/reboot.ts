import path from 'node:path';
import type { Snapshotter } from '@slipway/plugin-api';
import { removeFreeLocks, takeLock } from '../locks/index.js';
import { bootId, lastBoot, recordBoot } from '../metadata/boot.js';
import { containersTable } from '../metadata/containers.js';
import { finishAllDeletions } from '../metadata/deletion.js';
import { endLease, leasesTable } from '../metadata/leases.js';
import { imageMountsTable } from '../metadata/mounts.js';
import { rowName, rowPrefix } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';
import { ignoring } from './ignoring.js';

/**
 * The state folder, and with it the operation records, is gone after a reboot, and so is every process. What operations
 * left in the root folder then has no record: it is found by the boot id that was written when the root was last used.
 */
export async function sweepAfterReboot(parts: EngineParts): Promise<void> {
  const current = bootId();
  // In the state folder, where there is room for it when the disk is full: nothing would work before this has.
  using lock = await takeLock(path.join(parts.settings.state, 'reboot.lock'), {
    what: 'clean up after a restart of the machine',
    isDone: () => lastBoot(parts.metadata) === current,
  });
  // Another process was first.
  if (lock === undefined) return;
  if (lastBoot(parts.metadata) !== undefined) await sweepEverythingInFlight(parts);
  await parts.metadata.write((tx) => recordBoot(tx, current));
}

async function sweepEverythingInFlight(parts: EngineParts): Promise<void> {
  parts.log.info('the machine was restarted: cleaning up what was in flight');
  for (const { ref } of await parts.store.listStatuses()) await ignoring(parts.store.abort(ref), 'not-found');
  const snapshotters = new Set(Object.values(parts.settings.stacks).flatMap((stack) => stack.snapshotter));
  for (const id of snapshotters) {
    const snapshotter = await parts.snapshotters.get(id).catch(() => undefined);
    if (snapshotter !== undefined) await removeUncommitted(snapshotter);
  }
  await finishAllDeletions(parts);
  removeFreeLocks(parts.settings.root);
  const leases = parts.metadata.read((tx) => [...tx.entries(leasesTable, { prefix: rowPrefix })].map(([key]) => rowName(key)));
  for (const id of leases) await endLease(parts.metadata, id);
  await parts.metadata.write((tx) => {
    for (const [key] of [...tx.entries(containersTable, { prefix: rowPrefix })]) tx.delete(containersTable, key);
    for (const [key] of [...tx.entries(imageMountsTable, { prefix: rowPrefix })]) tx.delete(imageMountsTable, key);
  });
}

async function removeUncommitted(snapshotter: Snapshotter): Promise<void> {
  const keys: string[] = [];
  for await (const info of snapshotter.walk()) if (info.kind !== 'committed') keys.push(info.name);
  for (const key of keys) await ignoring(snapshotter.remove(key), 'not-found');
  await snapshotter.cleanup();
}
