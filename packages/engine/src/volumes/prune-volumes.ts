import { isKind, type PruneVolumesOptions, throwIfAborted } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { allVolumes, volumeDriver } from './drivers.js';
import { hasLabels, isAnonymous } from './list-volumes.js';
import { discardVolume } from './remove-volume.js';
import { volumeUsers } from './users.js';

/** What is taken into use meanwhile stays. */
export async function pruneVolumes(
  parts: EngineParts,
  { all = false, labels = [], dryRun = false, signal }: PruneVolumesOptions,
): Promise<{ readonly volumes: readonly string[]; readonly bytes: number }> {
  const pruned: string[] = [];
  let bytes = 0;
  for (const { driver, info } of await allVolumes(parts)) {
    throwIfAborted('prune volumes', signal);
    const { name } = info;
    if (!(all || isAnonymous(info)) || !hasLabels(info, labels) || volumeUsers(parts)(driver, name).length > 0) continue;
    try {
      const usage = await (await volumeDriver(parts, driver)).usage(name, { signal });
      if (!dryRun) await discardVolume(parts, driver, name, signal);
      bytes += usage.bytes;
      pruned.push(name);
    } catch (error) {
      if (!isKind(error, 'not-found', 'failed-precondition')) throw error;
    }
  }
  return { volumes: pruned, bytes };
}
