import { isKind, type Snapshotter } from '@slipway/plugin-api';

/**
 * Removes an active snapshot or a view, however far it came: a process that was killed between the folder and the key,
 * while making or removing one, has left a folder that has no key and that only `cleanup` finds.
 */
export async function releaseSnapshot(snapshotter: Snapshotter, key: string): Promise<void> {
  try {
    await snapshotter.remove(key);
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
    await snapshotter.cleanup();
  }
}
