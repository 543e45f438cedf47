import { type ByteString, copyName } from '../bytes.js';
import { unlistedDirectory } from './attributes.js';
import { baseNames, lookUpBase } from './base.js';
import { DirectoryNode, goneLeaf } from './node.js';
import type { MergedView, Walked } from './view.js';
import type { TreeWriter } from './writer.js';

export interface WhiteoutsOptions {
  readonly writer: TreeWriter;
  readonly view: MergedView;
}

/** What the markers of a layer (whiteouts and opaque markers) do. */
export interface Markers {
  /** `.wh.<name>` in a directory. */
  hide(parent: Walked, name: ByteString): void;
  /** `.wh..wh..opq` in a directory. */
  hideAll(directory: Walked): void;
}

/**
 * Hides what the trees below have, and never what the layer itself has put there: so the order of whiteouts and other
 * entries in the archive makes no difference.
 */
export class Whiteouts implements Markers {
  readonly #writer: TreeWriter;
  readonly #view: MergedView;

  constructor(options: WhiteoutsOptions) {
    this.#writer = options.writer;
    this.#view = options.view;
  }

  hide({ node, missing }: Walked, name: ByteString): void {
    if (missing.length === 0) this.#hide(node, name);
  }

  hideAll({ node, missing }: Walked): void {
    if (missing.length > 0 || node.base.length === 0) return;
    // overlayfs does not look for the opaque mark on the root of a layer, so there each name is hidden by itself.
    if (!node.parent) for (const name of baseNames(node.base)) this.#hide(node, name);
    else {
      this.#detach(node, false);
      this.#writer.setOpaque(node);
    }
  }

  #hide(parent: DirectoryNode, name: ByteString): void {
    const child = parent.children.get(name);
    if (child instanceof DirectoryNode && child.added) {
      const showedBase = child.base.length > 0;
      this.#detach(child, true);
      if (showedBase) this.#writer.setOpaque(child);
      return;
    }
    if (child && !(child instanceof DirectoryNode) && (child.state === 'own' || child.state === 'gone')) return;
    if (!lookUpBase(parent.base, name)) return;
    this.#view.touch(parent);
    if (child instanceof DirectoryNode) this.#view.drop(child);
    this.#writer.hide(parent, name);
    parent.children.set(copyName(name), goneLeaf);
  }

  /** Lets nothing of the trees below remain in a directory that stays. `whole`: nor its attributes. */
  #detach(node: DirectoryNode, whole: boolean): void {
    this.#view.touch(node);
    if (node.base.length > 0) this.#discardBase(node);
    if (!whole || node.listed || !node.copyFrom) return;
    node.copyFrom = undefined;
    node.attributes = unlistedDirectory;
    this.#writer.setAttributes(node);
  }

  #discardBase(node: DirectoryNode): void {
    const inTarget = this.#view.isInPlace ? baseNames(node.base) : node.children.keys();
    for (const name of [...inTarget]) {
      const child = node.children.get(name);
      if (child instanceof DirectoryNode && child.added) this.#detach(child, true);
      else if (!child || child instanceof DirectoryNode || child.state !== 'own') this.#discard(node, name);
    }
    for (const [name, child] of node.children)
      if (!(child instanceof DirectoryNode) && child.state === 'gone') node.children.delete(name);
    node.base = [];
  }

  /** Under an opaque directory nothing is left to be hidden: a whiteout there would show. */
  #discard(parent: DirectoryNode, name: ByteString): void {
    const child = parent.children.get(name);
    this.#writer.remove(parent, name);
    if (child instanceof DirectoryNode) this.#view.drop(child);
    else parent.children.delete(name);
  }
}
