import { linux } from '@slipway/linux';
import { hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';
import { type ImageMountRow, imageMountsTable } from '../metadata/mounts.js';
import { rowKey } from '../metadata/rows.js';
import { releaseSnapshot } from '../operations/release-snapshot.js';
import type { EngineParts } from '../settings.js';

/**
 * Undoes a mount for people, wherever it stopped: the row may have been written or not, the tree attached or not. A row
 * of someone else's mount on the same directory is left alone.
 *
 * @param force also when someone still works in the tree: it goes when the last one leaves
 */
export async function releaseImageMount(
  parts: EngineParts,
  directory: string,
  mount: ImageMountRow,
  options: { readonly force: boolean },
): Promise<void> {
  const row = parts.metadata.read((tx) => tx.get(imageMountsTable, rowKey(directory)));
  if (row?.snapshotKey === mount.snapshotKey) unmount(directory, options.force);
  await releaseSnapshot(await parts.snapshotters.get(mount.snapshotter), mount.snapshotKey);
  if (row?.snapshotKey === mount.snapshotKey) await parts.metadata.write((tx) => tx.delete(imageMountsTable, rowKey(directory)));
}

function unmount(directory: string, force: boolean): void {
  try {
    linux.unmount(directory, { detach: force });
  } catch (error) {
    // Not a mount point (EINVAL), or gone: someone has unmounted it by hand.
    if (hasCode(error, 'EINVAL', 'ENOENT')) return;
    if (!hasCode(error, 'EBUSY')) throw wrapError(`unmount ${JSON.stringify(directory)}`, error);
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'IMAGE_MOUNT_BUSY',
      message: `the image on ${JSON.stringify(directory)} is in use`,
      hint: 'leave the folder and close its files first (fuser -vm shows who uses it)',
      cause: error,
    });
  }
}
