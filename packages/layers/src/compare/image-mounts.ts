import { closeSync } from 'node:fs';
import type { LinuxSystem } from '@slipway/linux';
import type { LayerTree } from '@slipway/plugin-api';
import { imageMount } from '../erofs-apply/lower-images.js';

/** Images that are mounted, attached to nowhere, until this is disposed of: each once, so that a file of it is one inode. */
export class ImageMounts implements Disposable {
  readonly #system: LinuxSystem;
  readonly #fds = new Map<string, number>();

  constructor(system: LinuxSystem) {
    this.#system = system;
  }

  /** The layer in an image as a directory, whose whiteouts have overlay's form. */
  of(tree: LayerTree): LayerTree {
    const fd = this.#fds.get(tree.path) ?? this.#mount(tree);
    this.#fds.set(tree.path, fd);
    return { format: 'overlay', path: `/proc/self/fd/${fd}/${tree.format === 'ext4' ? 'upper' : '.'}` };
  }

  #mount(tree: LayerTree): number {
    if (tree.format === 'erofs') return this.#system.mountDetached([imageMount(tree)], { readOnly: true });
    return this.#system.mountUpper({ kind: 'block', source: tree.path, fstype: tree.format, readOnly: true });
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.values()) closeSync(fd);
  }
}
