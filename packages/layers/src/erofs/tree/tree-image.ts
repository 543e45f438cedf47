import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { splitdev } from '@slipway/linux';
import { type ByteString, fromText } from '../../bytes.js';
import { defaultLimits } from '../../limits.js';
import { type Attributes, attributesOf } from '../../tree/attributes.js';
import { DirectoryHandle, HandleTable } from '../../tree/handle.js';
import { erofsError } from '../errors.js';
import { createErofsImage } from '../image-writer.js';
import type { ErofsImageSize, ErofsImageWriter, ErofsInode, TreeImageOptions } from '../types.js';
import { inTree } from './changed.js';
import { copyToImage } from './source-file.js';
import { readUpperXattrs } from './upper-xattrs.js';

/**
 * A flat image of a directory tree (a path; `/proc/self/fd/<fd>` too) in overlay's form, such as the upper directory of a container: whiteouts
 * are character devices 0:0 and stay, opaque directories stay so, overlayfs' other notes are left out; sockets are left out. Everything is
 * reached by descriptor, one name at a time, and no symbolic link is followed. It is synchronous: run it in a worker.
 *
 * Errors: as of {@link ErofsImageWriter}; `aborted` (EROFS_TREE_CHANGED) when the tree changes and it shows; `resource-exhausted` for a tree too
 * deep; `invalid-argument` for an upper directory that needs others to be understood (`redirect_dir`, `metacopy`).
 */
export function writeTreeImage(directory: string, imageFd: number, options: TreeImageOptions): ErofsImageSize {
  using handles = new HandleTable();
  return new TreeImage(handles, fromText(directory), imageFd, options).write();
}

/** A directory that the walk is in. */
interface Frame {
  readonly handle: DirectoryHandle;
  readonly inode: ErofsInode;
  readonly path: ByteString;
  /** Names to come, the next one last. */
  readonly pending: ByteString[];
}

class TreeImage {
  readonly #handles: HandleTable;
  readonly #options: TreeImageOptions;
  readonly #checkpoint: () => void;
  readonly #image: ErofsImageWriter;
  /** What has more names than one, by inode on disk. */
  readonly #linked = new Map<string, ErofsInode>();
  readonly #frames: Frame[] = [];

  constructor(handles: HandleTable, directory: ByteString, imageFd: number, options: TreeImageOptions) {
    this.#handles = handles;
    this.#options = options;
    this.#checkpoint = options.checkpoint ?? (() => undefined);
    // The dot lets it be a descriptor's own path, which is a link.
    const handle = new DirectoryHandle(undefined, `${directory}/.`);
    const place = handles.path(handle, '.');
    const root = this.#attributes(lstatSync(place, { bigint: true }), place, directory);
    this.#image = createErofsImage(imageFd, { form: 'flat', root, identity: options.identity });
    this.#enter(handle, this.#image.root, '');
  }

  write(): ErofsImageSize {
    for (let frame = this.#frames.at(-1); frame; frame = this.#frames.at(-1)) {
      const name = frame.pending.pop();
      if (name === undefined) {
        this.#handles.close(frame.handle);
        this.#frames.pop();
        continue;
      }
      this.#checkpoint();
      const path = frame.path === '' ? name : `${frame.path}/${name}`;
      try {
        this.#add(frame, name, path);
      } catch (error) {
        throw inTree(path, error);
      }
    }
    try {
      return this.#image.finish({ checkpoint: this.#checkpoint });
    } catch (error) {
      throw inTree('.', error);
    }
  }

  #enter(handle: DirectoryHandle, inode: ErofsInode, path: ByteString): void {
    const { depth } = defaultLimits;
    if (this.#frames.length > depth)
      throw erofsError('EROFS_TOO_LARGE', `image of a tree: it is deeper than the limit of ${depth} directories`);
    const pending = readdirSync(this.#handles.path(handle, '.'), 'latin1').sort().reverse();
    this.#frames.push({ handle, inode, path, pending });
  }

  #add(parent: Frame, name: ByteString, path: ByteString): void {
    const place = this.#handles.path(parent.handle, name);
    const stats = lstatSync(place, { bigint: true });
    if (stats.isSocket()) return;
    if (stats.isDirectory()) {
      const inode = this.#image.makeDirectory(parent.inode, name, this.#attributes(stats, place, path));
      this.#enter(new DirectoryHandle(parent.handle, name), inode, path);
      return;
    }
    const key = `${stats.dev}:${stats.ino}`;
    const known = stats.nlink > 1n ? this.#linked.get(key) : undefined;
    if (known !== undefined) {
      this.#image.link(parent.inode, name, known);
      return;
    }
    const inode = this.#make(parent.inode, name, stats, place, path);
    if (stats.nlink > 1n) this.#linked.set(key, inode);
  }

  #make(parent: ErofsInode, name: ByteString, stats: BigIntStats, place: string | Buffer, path: ByteString): ErofsInode {
    const attributes = this.#attributes(stats, place, path);
    if (stats.isFile()) {
      const data = copyToImage(this.#image, { ...this.#options, place, path, stats, checkpoint: this.#checkpoint });
      return this.#image.makeFile(parent, name, attributes, data);
    }
    if (stats.isSymbolicLink()) return this.#image.makeSymlink(parent, name, attributes, readlinkSync(place, 'latin1'));
    const type = stats.isFIFO() ? 'fifo' : stats.isCharacterDevice() ? 'character' : 'block';
    return this.#image.makeSpecial(parent, name, attributes, { type, ...splitdev(stats.rdev) });
  }

  #attributes(stats: BigIntStats, place: string | Buffer, path: ByteString): Attributes {
    return attributesOf(stats, readUpperXattrs(this.#options.system, place, path));
  }
}
