import { closeSync, lstatSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import type { GenericMount } from '@slipway/plugin-api';

/** One for all users, so it is mounted where all find it: on the volume's own folder. The caller has claimed the volume. */
export function mountTmpfs(folder: string, mount: GenericMount): void {
  if (isMounted(folder)) return;
  const tree = linux.mountDetached([mount]);
  try {
    linux.attachMount(tree, folder);
  } finally {
    closeSync(tree);
  }
}

/** Does nothing when nothing is mounted. Containers that still see it keep it. */
export function unmountTmpfs(folder: string): void {
  if (isMounted(folder)) linux.unmount(folder, { detach: true });
}

/** Another file system than the folder that it is in: what else would make it one has no business there. */
function isMounted(folder: string): boolean {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  return stats !== undefined && stats.dev !== lstatSync(path.dirname(folder)).dev;
}
