import { type ByteString, copyName } from '../bytes.js';
import { entryError } from '../errors.js';
import type { LayerLimits } from '../limits.js';
import type { NoteTaker } from '../stage/note-taker.js';
import { type Attributes, attributesOf, unlistedDirectory } from './attributes.js';
import { lookUpBase } from './base.js';
import { type Child, DirectoryNode, type Leaf } from './node.js';
import type { TreeWriter } from './writer.js';

/** How many symbolic links the kernel follows in one path (path_resolution(7)). */
const mostLinks = 40;
/**
 * Archives list their directories, or most of them. So that ten kilobytes cannot become millions of them, and a minute of work, a layer has
 * so many that only paths imply for nothing, and beyond them so many for each parent of an entry.
 */
const impliedFree = 20_000;
const impliedForEach = 16;
/** NAME_MAX of Linux. */
const longestName = 255;

/** Where a path leads: the last directory that is there, and the names below it that are not (or are no directories). */
export interface Walked {
  readonly node: DirectoryNode;
  readonly missing: ByteString[];
}

export interface MergedViewOptions {
  readonly writer: TreeWriter;
  /** In a `directory` the base and the target are one tree. */
  readonly form: 'overlay' | 'directory';
  readonly root: DirectoryNode;
  readonly limits: LayerLimits;
  /** Of a layer that is staged: told what has to be true of the trees below. */
  readonly notes?: NoteTaker | undefined;
}

/** The merged tree of the layers below and this one so far: resolves names in it and brings directories into being. */
export class MergedView {
  readonly root: DirectoryNode;
  /** Directories whose time must be set at the end. */
  readonly touched = new Set<DirectoryNode>();
  /** Some path was followed on an assumption about trees below that are not known yet. */
  hasAssumed = false;
  readonly #writer: TreeWriter;
  readonly #form: 'overlay' | 'directory';
  readonly #limits: LayerLimits;
  readonly #notes: NoteTaker | undefined;
  /** Directories made because a path had them, not an entry; and parents of entries looked for. */
  #implied = 0;
  #parents = 0;

  constructor(options: MergedViewOptions) {
    this.root = options.root;
    this.#writer = options.writer;
    this.#form = options.form;
    this.#limits = options.limits;
    this.#notes = options.notes;
  }

  /** The trees below are the target itself. */
  get isInPlace(): boolean {
    return this.#form === 'directory';
  }

  /** What is under a name; undefined when nothing is or the layer has hidden it. */
  lookUp(node: DirectoryNode, sought: ByteString): Child | undefined {
    const known = node.children.get(sought);
    if (known) return known instanceof DirectoryNode || known.state !== 'gone' ? known : undefined;
    if (node.base.length === 0) return undefined;
    const name = copyName(sought);
    const found = lookUpBase(node.base, name);
    if (!found) return undefined;
    const [first] = found.directories;
    if (first) {
      const handle = this.isInPlace ? first.handle : undefined;
      const child = new DirectoryNode(node, name, found.directories, attributesOf(found.stats, []), found, handle);
      child.made = this.isInPlace;
      node.children.set(name, child);
      return child;
    }
    return { state: 'base', isSymlink: found.stats.isSymbolicLink() };
  }

  #readLink(node: DirectoryNode, name: ByteString, link: Leaf): ByteString {
    const found = link.state === 'base' ? lookUpBase(node.base, name) : undefined;
    return found ? found.at.readLink(name) : this.#writer.readLink(node, name);
  }

  /** Resolves a path to a directory as chroot(2) to the root would. Errors name `entry`. */
  walk(path: ByteString, entry: ByteString): Walked {
    let node = this.root;
    let missing: ByteString[] = [];
    const pending = path.split('/').reverse();
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (missing.length > 0) missing.pop();
        else node = node.parent ?? node;
        continue;
      }
      this.checkName(name, entry);
      const child = missing.length > 0 ? undefined : this.lookUp(node, name);
      if (child instanceof DirectoryNode) {
        node = child;
      } else if (child?.isSymlink) {
        if (++links > mostLinks) throw entryError('LAYER_LINK_LOOP', entry, `more than ${mostLinks} symbolic links in its path`);
        const target = this.#readLink(node, name, child);
        if (target.startsWith('/')) {
          node = this.root;
          missing = [];
        }
        for (const part of target.split('/').reverse()) pending.push(part);
      } else {
        missing.push(name);
        if (this.isUnknown({ node, missing })) this.#assume({ node, missing }, entry);
        else this.checkDepth(node.depth + missing.length, entry);
      }
    }
    return { node, missing };
  }

  /** Whether the trees below, which are not known yet, may have what a walk did not find. */
  isUnknown({ node, missing: [first] }: Walked): boolean {
    return node.isBaseUnknown && (first === undefined || !node.children.has(first));
  }

  /** Here the way goes on as if there were no symbolic link. */
  #assume(walked: Walked, entry: ByteString): void {
    // Directories that are there are not counted: whether it is too deep depends on them.
    if (walked.node.depth + walked.missing.length > this.#limits.depth)
      throw entryError('LAYER_NEEDS_LOWER', entry, 'its path may be too deep');
    if (this.#notes) this.#notes.at(walked, entry).isNoLink = true;
    this.hasAssumed = true;
  }

  checkName(name: ByteString, entry: ByteString): void {
    if (name.length > longestName)
      throw entryError('LAYER_NAME_INVALID', entry, `a name of ${name.length} bytes in it is longer than ${longestName}`);
    if (name.startsWith('.wh.'))
      throw entryError('LAYER_WHITEOUT_INVALID', entry, 'a name beginning with ".wh." in it is reserved for whiteouts');
  }

  checkDepth(depth: number, entry: ByteString): void {
    const { depth: limit } = this.#limits;
    if (depth > limit) throw entryError('LAYER_TOO_LARGE', entry, `is deeper than the limit of ${limit} directories`);
  }

  /** Makes what a walk found missing. Errors name `entry`. */
  make({ node, missing }: Walked, entry: ByteString): DirectoryNode {
    const limit = Math.min(this.#limits.entries, impliedFree + impliedForEach * ++this.#parents);
    this.#implied += missing.length;
    if (this.#implied > limit && node.isBaseUnknown)
      throw entryError('LAYER_NEEDS_LOWER', entry, 'too many directories may have to be made for the paths of entries');
    if (this.#implied > limit)
      throw entryError('LAYER_TOO_LARGE', entry, `over the limit of ${limit} directories that only the paths of entries imply`);
    let directory = node;
    for (const name of missing) directory = this.makeDirectory(directory, name, unlistedDirectory);
    return directory;
  }

  /** A new directory in place of whatever the name stands for, which is no directory. */
  makeDirectory(parent: DirectoryNode, wanted: ByteString, attributes: Attributes): DirectoryNode {
    const name = copyName(wanted);
    this.touch(parent);
    // Where the layer itself has put something else before, nothing that the trees below may have shows through.
    const wasOwn = parent.isBaseUnknown && parent.children.has(name);
    const hidesBase = wasOwn || (!this.isInPlace && (lookUpBase(parent.base, name)?.directories.length ?? 0) > 0);
    const node = new DirectoryNode(parent, name, [], attributes, undefined);
    node.made = true;
    node.isBaseUnknown = parent.isBaseUnknown && !wasOwn;
    this.#writer.makeDirectory(node, hidesBase);
    parent.children.set(name, node);
    this.touched.add(node);
    this.markAdded(node);
    return node;
  }

  /** The directory's content is about to change: it must be in the target, and its time set at the end. */
  touch(node: DirectoryNode): void {
    if (node.touched) return;
    node.touched = true;
    this.copyUp(node);
    this.touched.add(node);
  }

  /** Brings a directory of the trees below into the target, with the attributes that it has there. */
  copyUp(node: DirectoryNode): void {
    if (node.made || !node.parent) return;
    this.touch(node.parent);
    const { copyFrom } = node;
    if (copyFrom && !node.listed) {
      node.attributes = { ...node.attributes, xattrs: copyFrom.at.readXattrs(copyFrom.name) };
    }
    this.#writer.makeDirectory(node, false);
    node.made = true;
    this.touched.add(node);
  }

  markAdded(node: DirectoryNode): void {
    for (let at: DirectoryNode | undefined = node; at && !at.added; at = at.parent) at.added = true;
  }

  /** Forgets a directory that is no longer there, with all below it. */
  drop(node: DirectoryNode): void {
    for (const child of node.children.values()) if (child instanceof DirectoryNode) this.drop(child);
    this.#writer.forget(node);
    this.touched.delete(node);
    node.parent?.children.delete(node.name);
  }
}
