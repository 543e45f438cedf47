import { closeSync, lstatSync, mkdirSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linux, OVERLAYFS_SUPER_MAGIC } from '@slipway/linux';
import { isKind, wrapError } from '@slipway/plugin-api';
import { claimFolder, type FolderClaim, makeFolder } from '@slipway/snapshots';

/** Why overlayfs cannot be used, and what helps. */
export interface OverlayRefusal {
  readonly reason: string;
  readonly hint: string;
}

const otherwise = 'choose another --root, or the snapshotter "native"';
const prefix = 'probe-';

/** Finds out by doing it whether this very folder can hold overlayfs layers. Undefined when it can. */
export function probeOverlay(root: string): OverlayRefusal | undefined {
  if (linux.statfs(root).type === OVERLAYFS_SUPER_MAGIC) {
    return {
      reason: `"${root}" is on overlayfs, which cannot hold an upper directory of another overlayfs`,
      hint: `mount another file system there (in a container: a volume), or ${otherwise}`,
    };
  }
  removeLeftProbes(root);
  using folder = newProbe(root);
  try {
    return probeIn(folder.path);
  } finally {
    rmSync(folder.path, { recursive: true, force: true });
  }
}

function newProbe(root: string): FolderClaim {
  for (;;) {
    // Taken only when another process removed it as a left one just before it was locked.
    const folder = makeFolder(linux, join(root, `${prefix}${process.pid}-${process.hrtime.bigint()}`));
    if (folder !== undefined) return folder;
  }
}

function probeIn(folder: string): OverlayRefusal | undefined {
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => join(folder, name)) as [string, string, string];
  for (const path of [lower, upper, work]) mkdirSync(path);
  writeFileSync(join(lower, 'file'), '');
  try {
    linux.lsetxattr(lower, 'trusted.overlay.opaque', Buffer.from('y'));
    linux.lremovexattr(lower, 'trusted.overlay.opaque');
    const fd = linux.mountDetached([{ kind: 'overlay', lower: [lower], upper, work }]);
    try {
      unlinkSync(`/proc/self/fd/${fd}/file`);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isPassing(error)) throw error;
    const text = error instanceof Error ? error.message : String(error);
    return {
      reason: `overlayfs does not work in "${folder}": ${text}`,
      hint: `run as root on a kernel with overlayfs; ${otherwise}`,
    };
  }
  const whiteout = lstatSync(join(upper, 'file'), { throwIfNoEntry: false });
  if (whiteout?.isCharacterDevice() === true && whiteout.rdev === 0) return undefined;
  return { reason: `overlayfs writes no whiteouts in "${folder}"`, hint: otherwise };
}

/** A full disk, a failing one or too many open files say nothing about overlayfs: another snapshotter would meet them too. */
function isPassing(error: unknown): boolean {
  return isKind(wrapError('probe overlayfs', error), 'resource-exhausted', 'data-loss');
}

/** What probes of killed processes left. */
function removeLeftProbes(root: string): void {
  for (const name of readdirSync(root)) {
    if (!name.startsWith(prefix)) continue;
    using left = claimFolder(linux, join(root, name));
    if (left !== undefined) rmSync(left.path, { recursive: true, force: true });
  }
}
