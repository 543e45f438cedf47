import { closeSync, mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlockMount, LayersMount, LayersUpper } from '@slipway/plugin-api';
import { attachMount, unmount } from './attach.js';
import { mountUpper } from './block.js';
import { Descriptors } from './descriptors.js';
import { mountErofs } from './erofs.js';
import { FsContext } from './fs-context.js';
import { MOUNT_ATTR_RDONLY } from './mount-flags.js';
import { mountOverlay } from './overlay.js';

/** Keeps its parts alive by itself: images and loop devices go when its last descriptor or mount goes. */
export function mountLayers(mount: LayersMount, readOnly: boolean): number {
  stacking ??= canStackDetached();
  using parts = stacking ? new Descriptors() : new AttachedParts();
  return mountOver(mount, readOnly, parts);
}

/** Trees that an overlay is put over, by a name for each. */
interface Parts extends Disposable {
  /** Takes over the descriptor of a detached tree. */
  hold(tree: number): string;
  /** A directory that is no link. */
  openDirectory(path: string): string;
}

/** Apart for tests, which give it {@link AttachedParts}. */
export function mountOver({ lower, upper }: LayersMount, readOnly: boolean, parts: Parts): number {
  const [only, ...more] = lower;
  // overlayfs refuses one single layer that is read-only.
  if (upper === undefined && only !== undefined && more.length === 0) return mountErofs(only);
  if (upper === undefined && only === undefined) return emptyTree();
  const below = lower.map((image) => parts.hold(mountErofs(image)));
  if (upper === undefined) return mountOverlay({ kind: 'overlay', lower: below });
  const top = upperOf(upper, readOnly, parts);
  // It wants something below what is written to, too.
  if (below.length === 0) below.push(parts.hold(emptyTree()));
  if (readOnly) return mountOverlay({ kind: 'overlay', lower: [top.upper, ...below] });
  return mountOverlay({ kind: 'overlay', lower: below, ...top });
}

function upperOf(upper: LayersUpper, readOnly: boolean, parts: Parts): { readonly upper: string; readonly work: string } {
  if (upper.kind === 'directories') return upper;
  const tree = parts.hold(mountUpper(readOnly ? { ...upper, readOnly } : upper));
  return { upper: parts.openDirectory(`${tree}/upper`), work: parts.openDirectory(`${tree}/work`) };
}

export function mountCheckedUpper(upper: BlockMount): number {
  const tree = mountUpper(upper);
  try {
    using names = new Descriptors();
    names.openDirectory(`/proc/self/fd/${tree}/upper`);
    return tree;
  } catch (error) {
    closeSync(tree);
    throw error;
  }
}

function emptyTree(): number {
  using context = new FsContext('tmpfs', 'empty');
  context.set('mode', '0755');
  context.set('size', '4k');
  return context.mount(MOUNT_ATTR_RDONLY);
}

let stacking: boolean | undefined;

/** Whether overlayfs takes layers that are attached nowhere (6.15); before, it answers EINVAL. */
function canStackDetached(): boolean {
  using parts = new Descriptors();
  try {
    parts.hold(mountOverlay({ kind: 'overlay', lower: [parts.hold(emptyTree()), parts.hold(emptyTree())] }));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EINVAL') return false;
    throw error;
  }
}

/** For Linux before 6.15: attached below a temporary directory, for as long as the overlay is being made. */
export class AttachedParts implements Parts {
  readonly #opened = new Descriptors();
  readonly #place = mkdtempSync(join(tmpdir(), 'slipway-layers-'));
  #count = 0;
  #isMounted = false;

  hold(tree: number): string {
    this.#opened.hold(tree);
    if (!this.#isMounted) this.#mountPlace();
    const directory = join(this.#place, String(this.#count++));
    mkdirSync(directory);
    attachMount(tree, directory);
    return directory;
  }

  openDirectory(path: string): string {
    return this.#opened.openDirectory(path);
  }

  [Symbol.dispose](): void {
    this.#opened[Symbol.dispose]();
    // With all that is mounted inside; the overlay has taken copies.
    if (this.#isMounted) unmount(this.#place, { detach: true });
    rmdirSync(this.#place);
  }

  /** So that nothing but the one empty directory is ever left. */
  #mountPlace(): void {
    using context = new FsContext('tmpfs', 'slipway-layers');
    context.set('mode', '0700');
    using tree = new Descriptors();
    const fd = context.mount(0);
    tree.hold(fd);
    attachMount(fd, this.#place);
    this.#isMounted = true;
  }
}
