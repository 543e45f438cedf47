import { closeSync, existsSync, mkdtempSync, rmdirSync } from 'node:fs';
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
  using mounted = new MountedImages();
  const directories = trees.map((tree) => mounted.pathOf(tree));
  // overlayfs heeds the mark of an opaque directory everywhere but at the root, and takes no single layer.
  const last = directories.findIndex((path) => linux.lgetxattr(path, 'trusted.overlay.opaque')?.toString() === 'y');
  const visible = last === -1 ? directories : directories.slice(0, last + 1);
  const empty = mkdtempSync(join(tmpdir(), 'slipway-empty-'));
  try {
    const fd = linux.mountDetached([{ kind: 'overlay', lower: [...visible, empty], ...upper }], {
      readOnly: upper === undefined,
    });
    try {
      return look(`/proc/self/fd/${fd}`);
    } finally {
      closeSync(fd);
    }
  } finally {
    rmdirSync(empty);
  }
}

/** Layers as directories, also those that are images. */
class MountedImages implements Disposable {
  readonly #fds: number[] = [];

  pathOf({ format, path, devices = archivesOf(path) }: LayerTree): string {
    switch (format) {
      case 'erofs':
        return `${this.#hold(linux.mountDetached([{ kind: 'erofs', source: path, devices }]))}/.`;
      case 'ext4':
        return `${this.#hold(linux.mountUpper({ kind: 'block', source: path, fstype: format, readOnly: true }))}/upper`;
      default:
        return path;
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds) closeSync(fd);
  }

  #hold(fd: number): string {
    this.#fds.push(fd);
    return `/proc/self/fd/${fd}`;
  }
}

/** Where a differ that keeps the tar archive puts it: `layer.tar` beside `layer.erofs`. */
function archivesOf(image: string): readonly string[] {
  const archive = image.replace(/(\.erofs)?$/, '.tar');
  return existsSync(archive) ? [archive] : [];
}
