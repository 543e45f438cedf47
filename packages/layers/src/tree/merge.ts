import { hasCode, isSlipwayError, type SlipwayError, wrapError } from '@slipway/plugin-api';
import { type ByteString, copyName, quote } from '../bytes.js';
import { erofsErrorAbout } from '../erofs/errors.js';
import { entryError, layerErrorKinds } from '../errors.js';
import type { LayerLimits } from '../limits.js';
import type { TarEntry, TarSink } from '../tar/entry.js';
import { attributesOfEntry } from './attributes.js';
import { type EntryStats, lookUpBase } from './base.js';
import { copiedLeaf, DirectoryNode, type Leaf, ownLeaf } from './node.js';
import type { MergedView } from './view.js';
import type { Markers } from './whiteouts.js';
import type { TreeWriter } from './writer.js';

export interface LayerMergeOptions {
  readonly writer: TreeWriter;
  readonly view: MergedView;
  readonly markers: Markers;
  readonly limits: LayerLimits;
  readonly checkpoint: () => void;
}

/** PATH_MAX of Linux without its NUL. */
const longestLinkTarget = 4095;

const whiteoutPrefix = '.wh.';
/** Of AUFS's own files, which say nothing about the image; except the opaque marker. */
const metaPrefix = '.wh..wh.';
const opaqueMarker = '.wh..wh..opq';

/** Turns the entries of a layer into operations on a tree, by the rules of the OCI image-spec (layer.md). */
export class LayerMerge implements TarSink {
  readonly #writer: TreeWriter;
  readonly #view: MergedView;
  readonly #markers: Markers;
  readonly #limits: LayerLimits;
  readonly #checkpoint: () => void;
  /** Bytes of lower files that were copied to be linked to. */
  #copied = 0;
  /** The file whose content comes; undefined while a marker's content is ignored. */
  #file: ByteString | undefined;
  /** Entries of one directory mostly follow each other: the parent that was resolved last, by its path in the archive. */
  #lastParentPath: ByteString | undefined;
  #lastParent: DirectoryNode;

  constructor(options: LayerMergeOptions) {
    this.#writer = options.writer;
    this.#view = options.view;
    this.#markers = options.markers;
    this.#limits = options.limits;
    this.#checkpoint = options.checkpoint;
    this.#lastParent = options.view.root;
  }

  entry(entry: TarEntry): void {
    this.#file = undefined;
    this.#checkpoint();
    try {
      this.#apply(entry);
    } catch (error) {
      throw this.#view.hasAssumed && isSlipwayError(error) ? inDoubt(entry.path, error) : failure('apply', entry.path, error);
    }
  }

  data(chunk: Uint8Array, start: number, end: number, position: number): void {
    if (this.#file === undefined) return;
    try {
      this.#writer.writeFile(chunk, start, end, position);
    } catch (error) {
      throw failure('write', this.#file, error);
    }
  }

  fileEnd(): void {
    if (this.#file === undefined) return;
    try {
      this.#writer.endFile();
    } catch (error) {
      throw failure('finish', this.#file, error);
    }
  }

  #apply(entry: TarEntry): void {
    const { path } = entry;
    if (path === '') throw entryError('LAYER_NAME_INVALID', path, 'the name is empty');
    const { parentPath, name } = splitPath(path);
    if (name === '' || name === '..') this.#applySelf(entry);
    else if (path.includes(whiteoutPrefix) && (name.startsWith(whiteoutPrefix) || isMeta(path)))
      this.#applyMarker(path, parentPath, name);
    else this.#applyNamed(entry, parentPath, name);
  }

  #applyNamed(entry: TarEntry, parentPath: ByteString, name: ByteString): void {
    const { path } = entry;
    this.#view.checkName(name, path);
    if (entry.type === 'hardlink') {
      this.#applyLink(entry, parentPath, name);
      return;
    }
    const parent = this.#parent(parentPath, path);
    switch (entry.type) {
      case 'directory':
        this.#applyDirectory(entry, parent, name);
        break;
      case 'symlink':
        if (entry.linkTarget === '') throw entryError('LAYER_LINK_INVALID', path, 'the symbolic link has an empty target');
        if (entry.linkTarget.length > longestLinkTarget)
          throw entryError(
            'LAYER_LINK_INVALID',
            path,
            `the symbolic link's target of ${entry.linkTarget.length} bytes is longer than ${longestLinkTarget}`,
          );
        this.#replace(parent, name, { state: 'own', isSymlink: true });
        this.#writer.makeSymlink(parent, name, entry.linkTarget, entry);
        break;
      case 'file':
        this.#replace(parent, name, ownLeaf);
        this.#writer.beginFile(parent, name, entry);
        this.#file = path;
        break;
      default:
        if (entry.type === 'character' && entry.deviceMajor === 0 && entry.deviceMinor === 0)
          throw entryError('LAYER_DEVICE_INVALID', path, 'the character device 0:0 would hide the file of a layer below');
        this.#replace(parent, name, ownLeaf);
        this.#writer.makeSpecial(parent, name, entry);
    }
  }

  #applyDirectory(entry: TarEntry, parent: DirectoryNode, name: ByteString): void {
    const child = this.#view.lookUp(parent, name);
    if (child instanceof DirectoryNode) {
      this.#listDirectory(child, entry);
      return;
    }
    if (child?.isSymlink) this.#lastParentPath = undefined;
    this.#view.makeDirectory(parent, name, attributesOfEntry(entry)).listed = true;
  }

  /** An entry whose path names a directory by itself: `./`, `/`, `a/..`. */
  #applySelf(entry: TarEntry): void {
    if (entry.type !== 'directory')
      throw entryError('LAYER_NAME_INVALID', entry.path, `the name stands for a directory, the entry is a ${entry.type}`);
    const walked = this.#view.walk(entry.path, entry.path);
    this.#listDirectory(this.#view.make(walked, entry.path), entry);
  }

  #applyMarker(path: ByteString, parentPath: ByteString, name: ByteString): void {
    if (isMeta(path)) return;
    const hidden = name.slice(whiteoutPrefix.length);
    const isOpaque = name === opaqueMarker;
    if (!isOpaque) {
      if (hidden === '' || hidden === '.' || hidden === '..')
        throw entryError('LAYER_WHITEOUT_INVALID', path, `the whiteout of ${quote(hidden)} names no file`);
      this.#view.checkName(hidden, path);
    }
    const walked = this.#view.walk(parentPath, path);
    this.#lastParentPath = undefined;
    if (isOpaque) this.#markers.hideAll(walked);
    else this.#markers.hide(walked, hidden);
  }

  #applyLink(entry: TarEntry, parentPath: ByteString, name: ByteString): void {
    const { path, linkTarget } = entry;
    const fail = (problem: string): Error =>
      entryError('LAYER_LINK_INVALID', path, `the hard link's target ${quote(linkTarget)} ${problem}`);
    // All is checked before anything is removed for the link.
    const target = splitPath(linkTarget);
    if (target.name === '' || target.name === '..') throw fail(linkTarget === '' ? 'is empty' : 'is a directory');
    const walkedTarget = this.#view.walk(target.parentPath, path);
    const { node: targetParent, missing: missingParents } = walkedTarget;
    this.#view.checkName(target.name, path);
    const found = missingParents.length > 0 ? undefined : this.#view.lookUp(targetParent, target.name);
    if (!found && this.#view.isUnknown(walkedTarget))
      throw entryError('LAYER_NEEDS_LOWER', path, `the hard link's target ${quote(linkTarget)} is not in the layer itself`);
    if (!found) throw fail('is not there');
    if (found instanceof DirectoryNode) throw fail('is a directory');
    const walked = this.#view.walk(parentPath, path);
    this.#view.checkDepth(walked.node.depth + walked.missing.length + 1, path);
    const replaced = walked.missing[0] ?? name;
    if (walked.node === targetParent && replaced === target.name)
      throw fail(walked.missing.length === 0 ? 'is the entry itself' : 'would be replaced by a directory for the entry');
    const replacedChild = this.#view.lookUp(walked.node, replaced);
    for (let at: DirectoryNode | undefined = targetParent; at; at = at.parent)
      if (at === replacedChild) throw fail('is in a directory that the entry replaces');

    this.#copyUpTarget(targetParent, target.name, found, path);
    const parent = this.#view.make(walked, path);
    this.#replace(parent, name, { state: 'own', isSymlink: found.isSymlink });
    this.#writer.link(parent, name, targetParent, target.name);
  }

  /** A file of a separate tree below cannot be linked to: it is brought into the target first, and so leaves the group it had there. */
  #copyUpTarget(parent: DirectoryNode, name: ByteString, found: Leaf, entry: ByteString): void {
    if (found.state !== 'base') return;
    const source = lookUpBase(parent.base, name);
    if (!source) return;
    // In place only where no other name of the trees below is left behind: overlayfs could not keep that one in the group.
    if (!this.#view.isInPlace || source.stats.nlink > 1n) {
      this.#countCopy(source.stats, entry);
      this.#view.touch(parent);
      this.#writer.copyUp(parent, name, source);
    }
    parent.children.set(copyName(name), { ...copiedLeaf, isSymlink: found.isSymlink });
  }

  /** Names of one large file below could each be copied for a hard link of a few bytes. */
  #countCopy({ size, blocks }: EntryStats, entry: ByteString): void {
    // Holes are not copied; a block count is of 512 bytes, whatever the file system has.
    this.#copied += Math.min(Number(size), Number(blocks) * 512);
    const { unpackedBytes } = this.#limits;
    if (this.#copied > unpackedBytes)
      throw entryError(
        'LAYER_TOO_LARGE',
        entry,
        `files below that hard links lead to are over the limit of ${unpackedBytes} bytes`,
      );
  }

  #parent(parentPath: ByteString, path: ByteString): DirectoryNode {
    if (parentPath === this.#lastParentPath) return this.#lastParent;
    const walked = this.#view.walk(parentPath, path);
    this.#view.checkDepth(walked.node.depth + walked.missing.length + 1, path);
    // What is made may replace a file, never a directory or a link: the parents resolved before stay right.
    this.#lastParent = this.#view.make(walked, path);
    this.#lastParentPath = parentPath;
    return this.#lastParent;
  }

  /** Makes room for something that is no directory. */
  #replace(parent: DirectoryNode, name: ByteString, leaf: Leaf): void {
    this.#view.touch(parent);
    const child = parent.children.get(name);
    if (child) this.#lastParentPath = undefined;
    if (child instanceof DirectoryNode) {
      if (child.made) this.#writer.remove(parent, name);
      this.#view.drop(child);
    }
    parent.children.set(copyName(name), leaf);
    this.#view.markAdded(parent);
  }

  #listDirectory(node: DirectoryNode, entry: TarEntry): void {
    node.attributes = attributesOfEntry(entry);
    node.listed = true;
    if (node.made) this.#writer.setAttributes(node);
    else this.#view.copyUp(node);
    this.#view.touched.add(node);
    this.#view.markAdded(node);
  }
}

/** What no file system of Linux can hold is wrong with the layer, not with the machine. */
const impossible = ['EFBIG', 'E2BIG', 'ERANGE', 'EOVERFLOW'];

/** What is wrong with an entry may be so only because what was assumed of the trees below is not. */
function inDoubt(entry: ByteString, error: SlipwayError): SlipwayError {
  if (error.code === 'LAYER_NEEDS_LOWER' || !(error.code in layerErrorKinds)) return error;
  return entryError('LAYER_NEEDS_LOWER', entry, `it may be wrong: ${error.message}`);
}

function failure(what: string, entry: ByteString, error: unknown): Error {
  if (error instanceof Error && hasCode(error, ...impossible))
    return entryError('LAYER_HEADER_INVALID', entry, `it cannot be on Linux: ${error.message}`);
  return wrapError(`${what} layer entry ${quote(entry)}`, erofsErrorAbout(`layer entry ${quote(entry)}`, error));
}

function isMeta(path: ByteString): boolean {
  return path.split('/').some((part) => part.startsWith(metaPrefix) && part !== opaqueMarker);
}

/** Splits off the last name; it is empty when the path means the root, `..` when it ends with that. */
function splitPath(path: ByteString): { readonly parentPath: ByteString; readonly name: ByteString } {
  let end = path.length;
  for (;;) {
    while (end > 0 && path[end - 1] === '/') end--;
    if (path[end - 1] !== '.' || (end > 1 && path[end - 2] !== '/')) break;
    end--;
  }
  const slash = path.lastIndexOf('/', end - 1);
  if (end === 0) return { parentPath: '', name: '' };
  return { parentPath: slash < 0 ? '' : path.slice(0, slash), name: path.slice(slash + 1, end) };
}
