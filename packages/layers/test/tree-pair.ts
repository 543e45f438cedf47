import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, closeSync, lstatSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { applyLayer, compareTrees } from '@slipway/layers';
import { linux } from '@slipway/linux';
import type { OwnTree } from './own-tree.js';
import { hardLinks, type Listing, list } from './tree-listing.js';

/** Everything that two trees can differ in. */
export interface WholeTree {
  readonly listing: Listing;
  readonly links: readonly (readonly string[])[];
}

export function wholeTree(root: string): WholeTree {
  return { listing: list(root), links: hardLinks(root) };
}

/** A tree of layers, and one that was changed on top of it: as overlayfs keeps them, and as whole directories. */
export class TreePair implements Disposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-compare-'));
  /** Topmost first. */
  readonly lower: OwnTree[] = [];
  /** The same layers as images. */
  readonly images: OwnTree[] = [];
  readonly upper: OwnTree = { format: 'overlay', path: path.join(this.folder, 'upper') };
  readonly #empty = path.join(this.folder, 'empty');

  constructor() {
    for (const name of ['upper', 'work', 'empty']) mkdirSync(path.join(this.folder, name), { mode: 0o755 });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  get upperTrees(): OwnTree[] {
    return [this.upper, ...this.lower];
  }

  get upperOnImages(): OwnTree[] {
    return [this.upper, ...this.images];
  }

  async addLayer(layer: Buffer): Promise<void> {
    const image: OwnTree = { format: 'erofs', path: path.join(this.folder, `layer${this.images.length}.erofs`) };
    const imageForm = this.images.length % 2 === 0 ? 'flat' : 'tar-index';
    await applyLayer([layer], { ...image, format: 'erofs', lower: [...this.images] }, { system: linux, imageForm });
    this.images.unshift(image);
    const tree: OwnTree = { format: 'overlay', path: path.join(this.folder, `layer${this.lower.length}`) };
    mkdirSync(tree.path, { mode: 0o755 });
    await applyLayer([layer], { ...tree, lower: [...this.lower] }, { system: linux });
    this.lower.unshift(tree);
  }

  /** Works on the upper tree as a container does. */
  change<T>(work: (root: string) => T): T {
    const [top] = this.lower;
    // As a snapshotter prepares it: the merged root shows the attributes of the uppermost.
    if (top) copyRoot(top.path, this.upper.path);
    const lower = [...this.lower.map((tree) => tree.path), this.#empty];
    return onMount({ lower, upper: this.upper.path, work: path.join(this.folder, 'work') }, work);
  }

  onLower<T>(look: (root: string) => T): T {
    return this.#on(this.lower, look);
  }

  onUpper<T>(look: (root: string) => T): T {
    return this.#on(this.upperTrees, look);
  }

  /** The merged trees as one directory each. */
  copies(): { readonly lower: OwnTree; readonly upper: OwnTree } {
    const copy = (name: string, trees: readonly OwnTree[]): OwnTree => {
      const to = path.join(this.folder, name);
      this.#on(trees, (root) => execFileSync('cp', ['-a', '-T', root, to]));
      return { format: 'directory', path: to };
    };
    return { lower: copy('lower-copy', this.lower), upper: copy('upper-copy', this.upperTrees) };
  }

  /** What the layer makes of the lower tree, in both forms. */
  async applied(layer: Buffer, lowerCopy: OwnTree): Promise<{ readonly overlay: WholeTree; readonly directory: WholeTree }> {
    const top: OwnTree = { format: 'overlay', path: path.join(this.folder, 'applied') };
    mkdirSync(top.path, { mode: 0o755 });
    await applyLayer([layer], { ...top, lower: this.lower }, { system: linux });
    const overlay = this.#on([top, ...this.lower], wholeTree);
    await applyLayer([layer], { ...lowerCopy, lower: [] }, { system: linux });
    return { overlay, directory: wholeTree(lowerCopy.path) };
  }

  #on<T>(trees: readonly OwnTree[], look: (root: string) => T): T {
    return onMount({ lower: [...trees.map((tree) => tree.path), this.#empty] }, look);
  }
}

function copyRoot(from: string, to: string): void {
  const stats = lstatSync(from, { bigint: true });
  chownSync(to, Number(stats.uid), Number(stats.gid));
  chmodSync(to, Number(stats.mode & 0o7777n));
  for (const name of linux.llistxattr(from))
    if (!name.toString().startsWith('trusted.overlay.'))
      linux.lsetxattr(to, name, linux.lgetxattr(from, name) ?? Buffer.alloc(0));
  linux.lutimes(to, stats.mtimeNs, stats.mtimeNs);
}

function onMount<T>(mount: { lower: string[]; upper?: string; work?: string }, look: (root: string) => T): T {
  const fd = linux.mountDetached([{ kind: 'overlay', ...mount }], { readOnly: mount.upper === undefined });
  try {
    return look(`/proc/${process.pid}/fd/${fd}/.`);
  } finally {
    closeSync(fd);
  }
}

export function compared(lower: readonly OwnTree[], upper: readonly OwnTree[]): Buffer {
  return Buffer.concat([...compareTrees(lower, upper, { system: linux })]);
}

/** The same trees by other paths, so that nothing shows that they are the same. */
export function renamed(trees: readonly OwnTree[]): OwnTree[] {
  return trees.map((tree) => ({ ...tree, path: `${path.dirname(tree.path)}/./${path.basename(tree.path)}` }));
}
