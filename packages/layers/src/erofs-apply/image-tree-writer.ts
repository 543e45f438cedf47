import { type ByteString, quote } from '../bytes.js';
import { isErofsXattr } from '../erofs/format.js';
import type { ErofsData, ErofsImageWriter, ErofsInode } from '../erofs/types.js';
import type { TarEntry, Xattr } from '../tar/entry.js';
import { type Attributes, attributesOfEntry } from '../tree/attributes.js';
import type { BaseEntry } from '../tree/base.js';
import type { DirectoryNode } from '../tree/node.js';
import type { OwnEntry, TreeWriter } from '../tree/writer.js';
import { copyToImage } from './copy-to-image.js';
import { ImagePart, opaqueMark } from './image-part.js';
import type { KeptArchive } from './kept-archive.js';

export interface ImageTreeWriterOptions {
  readonly image: ErofsImageWriter;
  readonly checkpoint: () => void;
  readonly warn: (message: string) => void;
  /** The tar archive beside a `tar-index` image. */
  readonly archive: KeptArchive | undefined;
}

/** A file that is being read. In the archive its bytes are there already. */
interface OpenFile {
  readonly parent: ErofsInode;
  readonly name: ByteString;
  readonly attributes: Attributes;
  readonly size: number;
  /** Where its bytes are in the archive; -1 when that is not known yet. Undefined where they are written to the image. */
  offset: number | undefined;
}

const whiteout: Attributes = { mode: 0, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: [] };
const opaque: Xattr = { name: opaqueMark, value: Buffer.from('y') };

/** Writes a layer to an EROFS image, in overlay's form. */
export class ImageTreeWriter implements TreeWriter {
  readonly #image: ErofsImageWriter;
  readonly #checkpoint: () => void;
  readonly #warn: (message: string) => void;
  readonly #archive: KeptArchive | undefined;
  #file: OpenFile | undefined;
  #warned = false;
  /** What follows in a layer is mostly in one directory. */
  #lastNode: DirectoryNode | undefined;
  #lastInode: ErofsInode;

  constructor(options: ImageTreeWriterOptions) {
    this.#image = options.image;
    this.#checkpoint = options.checkpoint;
    this.#warn = options.warn;
    this.#archive = options.archive;
    this.#lastInode = options.image.root;
  }

  makeDirectory(node: DirectoryNode, hidesBase: boolean): void {
    const { parent, name } = node;
    if (!parent) return;
    this.#lastNode = undefined;
    const attributes = this.#kept(node.attributes);
    this.#image.makeDirectory(this.#inodeOf(parent), name, hidesBase ? marked(attributes) : attributes);
    settle(node);
  }

  setAttributes(node: DirectoryNode): void {
    const inode = this.#inodeOf(node);
    const attributes = this.#kept(node.attributes);
    this.#image.setAttributes(inode, this.#isMarked(inode) ? marked(attributes) : attributes);
    settle(node);
  }

  beginFile(parent: DirectoryNode, name: ByteString, entry: TarEntry): void {
    const inode = this.#inodeOf(parent);
    const isInArchive = this.#archive !== undefined && entry.isSparse !== true;
    const attributes = this.#kept(attributesOfEntry(entry));
    this.#file = { parent: inode, name, attributes, size: entry.size, offset: isInArchive ? -1 : undefined };
    if (!isInArchive) this.#image.beginFile(entry.size);
  }

  writeFile(chunk: Uint8Array, start: number, end: number, position: number): void {
    const file = this.#file;
    if (!file) return;
    if (file.offset === undefined) this.#image.writeFile(chunk, start, end, position);
    else if (file.offset === -1) file.offset = (this.#archive?.position ?? 0) + start - position;
  }

  endFile(): void {
    const file = this.#file;
    if (!file) return;
    this.#file = undefined;
    this.#image.makeFile(file.parent, file.name, file.attributes, this.#dataOf(file));
  }

  makeSymlink(parent: DirectoryNode, name: ByteString, target: ByteString, attributes: Attributes): void {
    // Of a link the kernel knows no other mode.
    this.#image.makeSymlink(this.#inodeOf(parent), name, { ...this.#kept(attributesOfEntry(attributes)), mode: 0o777 }, target);
  }

  makeSpecial(parent: DirectoryNode, name: ByteString, entry: TarEntry): void {
    const { type, deviceMajor: major, deviceMinor: minor } = entry;
    if (type !== 'fifo' && type !== 'character' && type !== 'block') throw new Error(`${type} ${quote(name)} is no special file`);
    this.#image.makeSpecial(this.#inodeOf(parent), name, this.#kept(entry), { type, major, minor });
  }

  link(parent: DirectoryNode, name: ByteString, targetParent: DirectoryNode, targetName: ByteString): void {
    const target = this.#image.lookUp(this.#inodeOf(targetParent), targetName);
    if (target === undefined) throw new Error(`the target ${quote(targetName)} of a hard link has gone from the image`);
    this.#image.link(this.#inodeOf(parent), name, target);
  }

  copyUp(parent: DirectoryNode, name: ByteString, { at, name: sourceName }: BaseEntry): void {
    if (!(at instanceof ImagePart)) throw new Error(`what is below ${quote(name)} is in no EROFS image`);
    copyToImage({ image: this.#image, checkpoint: this.#checkpoint }, this.#inodeOf(parent), name, at, sourceName);
  }

  remove(parent: DirectoryNode, name: ByteString): void {
    this.#checkpoint();
    this.#lastNode = undefined;
    this.#image.unlink(this.#inodeOf(parent), name);
  }

  hide(parent: DirectoryNode, name: ByteString): void {
    this.#checkpoint();
    this.#lastNode = undefined;
    this.#image.makeSpecial(this.#inodeOf(parent), name, whiteout, { type: 'character', major: 0, minor: 0 });
  }

  setOpaque(node: DirectoryNode): void {
    const inode = this.#inodeOf(node);
    if (!this.#isMarked(inode)) this.#image.setAttributes(inode, marked(this.#image.attributesOf(inode)));
  }

  forget(): void {
    this.#lastNode = undefined;
  }

  suspend(): void {
    this.#archive?.end();
    this.#image.suspend();
  }

  finish(): void {
    this.#archive?.end();
    this.#image.finish({ checkpoint: this.#checkpoint, tarSize: this.#archive?.size });
  }

  lookUp(parent: DirectoryNode, name: ByteString): OwnEntry | undefined {
    const inode = this.#image.lookUp(this.#inodeOf(parent), name);
    if (inode === undefined) return undefined;
    const isDirectory = this.#image.typeOf(inode) === 'directory';
    return { isDirectory, attributes: { ...this.#image.attributesOf(inode), xattrs: [] } };
  }

  readLink(parent: DirectoryNode, name: ByteString): ByteString {
    const inode = this.#image.lookUp(this.#inodeOf(parent), name);
    if (inode === undefined) throw new Error(`the symbolic link ${quote(name)} has gone from the image`);
    return this.#image.readLink(inode);
  }

  isOpaque(node: DirectoryNode): boolean {
    return this.#isMarked(this.#inodeOf(node));
  }

  /** A directory may be made, removed and made again: its parents know where it is. */
  #inodeOf(node: DirectoryNode): ErofsInode {
    if (!node.parent) return this.#image.root;
    if (node === this.#lastNode) return this.#lastInode;
    const inode = this.#image.lookUp(this.#inodeOf(node.parent), node.name);
    if (inode === undefined) throw new Error(`the directory ${quote(node.name)} has gone from the image`);
    this.#lastNode = node;
    this.#lastInode = inode;
    return inode;
  }

  #dataOf({ offset, size }: OpenFile): ErofsData {
    if (offset === undefined) return this.#image.endFile();
    return size === 0 ? { kind: 'empty' } : this.#image.tarData(offset, size);
  }

  #isMarked(inode: ErofsInode): boolean {
    return this.#image.attributesOf(inode).xattrs.some(({ name }) => name === opaqueMark);
  }

  /** Without extended attributes that EROFS, like other file systems, has no place for. */
  #kept(attributes: Attributes): Attributes {
    const { xattrs } = attributes;
    const other = xattrs.find(({ name }) => !isErofsXattr(name));
    if (other === undefined) return attributes;
    if (!this.#warned) this.#warn(`an EROFS image does not take extended attributes such as ${other.name}: they are left out`);
    this.#warned = true;
    return { ...attributesOfEntry(attributes), xattrs: xattrs.filter(({ name }) => isErofsXattr(name)) };
  }
}

function marked(attributes: Attributes): Attributes {
  return { ...attributes, xattrs: [...attributes.xattrs, opaque] };
}

/** The image has the attributes. Extended ones are not kept: each may have 64 KiB, and a layer very many directories. */
function settle(node: DirectoryNode): void {
  const { attributes } = node;
  if (attributes.xattrs.length > 0) node.attributes = { ...attributes, xattrs: [] };
}
