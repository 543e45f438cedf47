import { closeSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import type { LayerTree } from '@slipway/plugin-api';

/** Where changes to overlaid trees go: two empty directories of one file system. */
export interface UpperDirectories {
  readonly upper: string;
  readonly work: string;
}

/** Calls `look` with a path under which trees, topmost first, are seen merged; read-only unless there is an upper directory. */
export function inTrees<R>(trees: readonly LayerTree[], look: (path: string) => R, upper?: UpperDirectories): R {
  const [top] = trees;
  if (top?.format === 'directory' && upper === undefined) return look(top.path);
  // overlayfs heeds the mark of an opaque directory everywhere but at the root, and takes no single layer.
  const last = trees.findIndex(({ path }) => linux.lgetxattr(path, 'trusted.overlay.opaque')?.toString() === 'y');
  const visible = last === -1 ? trees : trees.slice(0, last + 1);
  const empty = mkdtempSync(join(tmpdir(), 'slipway-empty-'));
  try {
    const lower = [...visible.map(({ path }) => path), empty];
    const fd = linux.mountDetached([{ kind: 'overlay', lower, ...upper }], { readOnly: upper === undefined });
    try {
      return look(`/proc/self/fd/${fd}`);
    } finally {
      closeSync(fd);
    }
  } finally {
    rmdirSync(empty);
  }
}
