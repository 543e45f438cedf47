import { createHash } from 'node:crypto';
import { ftruncateSync, writeSync } from 'node:fs';
import { type ByteString, copyName, quote } from '../bytes.js';
import type { Attributes } from '../tree/attributes.js';
import { BlockOutput } from './block-output.js';
import { DataArea } from './data-area.js';
import { erofsError } from './errors.js';
import { encodeDevice, longestName, longestTarget, roundUp, superblockOffset, typeBits, typeOfMode } from './format.js';
import { type InodeRecord, InodeTable, keptFlat, keptTar, noTail } from './inode-table.js';
import { writeMetadata } from './metadata.js';
import { encodeSuperblock, superblockArea } from './superblock.js';
import { takeSuspended, writeSuspended } from './suspended.js';
import { TailStore } from './tail-store.js';
import type {
  ErofsData,
  ErofsFinishOptions,
  ErofsForm,
  ErofsImageSize,
  ErofsImageWriter,
  ErofsInode,
  ErofsSpecial,
  ErofsType,
  ErofsWriterOptions,
} from './types.js';
import { XattrTable } from './xattr-table.js';

const blockBits: Readonly<Record<ErofsForm, number>> = { flat: 12, 'tar-index': 9 };
/** The number after it means none. */
const mostOwner = 0xffff_fffe;
const mostMajor = 0xfff;
const mostMinor = 0xfffff;
/** Where chunks of 512 bytes begin is 32 bits. */
const mostTarBytes = 512 * 0xffff_fffe;

/** Begins an image in a file, which is emptied. The descriptor, for reading and writing, stays the caller's. */
export function createErofsImage(fd: number, { form, root, identity = '' }: ErofsWriterOptions): ErofsImageWriter {
  ftruncateSync(fd, 0);
  const output = new BlockOutput(fd, superblockArea(1 << blockBits[form], form === 'tar-index'));
  const xattrs = new XattrTable(output);
  const table = new InodeTable();
  table.addDirectory(recordOf(xattrs, 'directory', root));
  return new ImageWriter({ fd, form, identity, output, table, xattrs, tails: new TailStore(), mapBytes: 0 });
}

/** Goes on with an image where `suspend` has put it aside. A file that holds none is refused as damaged. */
export function resumeErofsImage(fd: number): ErofsImageWriter {
  const { image, end } = takeSuspended(fd);
  const output = new BlockOutput(fd, end);
  return new ImageWriter({
    ...image,
    fd,
    output,
    table: InodeTable.from(image.table),
    xattrs: new XattrTable(output, image.xattrs),
    tails: TailStore.from(image.tails),
  });
}

interface ImageParts {
  readonly fd: number;
  readonly form: ErofsForm;
  readonly identity: string;
  readonly output: BlockOutput;
  readonly table: InodeTable;
  readonly xattrs: XattrTable;
  readonly tails: TailStore;
  readonly mapBytes: number;
}

class ImageWriter implements ErofsImageWriter {
  readonly form: ErofsForm;
  /** The first that is made. */
  readonly root = 0 as ErofsInode;
  readonly #fd: number;
  readonly #identity: string;
  readonly #blockBytes: number;
  readonly #output: BlockOutput;
  readonly #tails: TailStore;
  readonly #data: DataArea;
  readonly #table: InodeTable;
  readonly #xattrs: XattrTable;
  /** One past the last byte of the archive that a file has. */
  #tarEnd = 0;

  constructor(parts: ImageParts) {
    this.form = parts.form;
    this.#fd = parts.fd;
    this.#identity = parts.identity;
    this.#blockBytes = 1 << blockBits[parts.form];
    this.#output = parts.output;
    this.#tails = parts.tails;
    this.#data = new DataArea(parts.output, this.#blockBytes, parts.tails, parts.mapBytes);
    this.#table = parts.table;
    this.#xattrs = parts.xattrs;
  }

  beginFile(size: number): void {
    this.#data.begin(size);
  }

  writeFile(chunk: Uint8Array, start: number, end: number, position: number): void {
    this.#data.write(chunk, start, end, position);
  }

  endFile(): ErofsData {
    return this.#data.end();
  }

  tarData(offset: number, size: number): ErofsData {
    if (this.form !== 'tar-index' || offset % this.#blockBytes !== 0)
      throw new Error(`offset ${offset} of a tar archive for an image of form ${this.form}`);
    this.#tarEnd = Math.max(this.#tarEnd, offset + size);
    if (this.#tarEnd > mostTarBytes)
      throw erofsError(
        'EROFS_TOO_LARGE',
        `a file that ends at byte ${offset + size} of its archive is over the limit of ${mostTarBytes}`,
      );
    return size === 0 ? { kind: 'empty' } : { kind: 'tar', offset, size };
  }

  makeDirectory(parent: ErofsInode, name: ByteString, attributes: Attributes): ErofsInode {
    const inode = this.#table.addDirectory(this.#record('directory', attributes)) as ErofsInode;
    this.#setName(parent, name, inode);
    return inode;
  }

  makeFile(parent: ErofsInode, name: ByteString, attributes: Attributes, data: ErofsData): ErofsInode {
    return this.#makeWithData(parent, name, 'file', attributes, data);
  }

  makeSymlink(parent: ErofsInode, name: ByteString, attributes: Attributes, target: ByteString): ErofsInode {
    if (target.length === 0 || target.length > longestTarget || target.includes('\0'))
      throw erofsError(
        'EROFS_CANNOT_HOLD',
        `a link target of ${target.length} bytes, expected 1 to ${longestTarget} without NUL`,
      );
    const bytes = Buffer.from(target, 'latin1');
    this.#data.begin(bytes.length);
    this.#data.write(bytes, 0, bytes.length, 0);
    return this.#makeWithData(parent, name, 'symlink', attributes, this.#data.end());
  }

  makeSpecial(parent: ErofsInode, name: ByteString, attributes: Attributes, special: ErofsSpecial): ErofsInode {
    const { type, major, minor } = special;
    if (major > mostMajor || minor > mostMinor)
      throw erofsError('EROFS_CANNOT_HOLD', `a device ${major}:${minor} is over the limits of ${mostMajor}:${mostMinor}`);
    const inode = this.#table.add(this.#record(type, attributes)) as ErofsInode;
    if (type !== 'fifo') this.#table.setDevice(inode, encodeDevice(major, minor));
    this.#setName(parent, name, inode);
    return inode;
  }

  link(parent: ErofsInode, name: ByteString, inode: ErofsInode): void {
    if (this.typeOf(inode) === 'directory') throw new Error(`a hard link ${quote(name)} to a directory`);
    this.#setName(parent, name, inode);
  }

  unlink(parent: ErofsInode, name: ByteString): void {
    this.#table.children(parent).delete(name);
  }

  setAttributes(inode: ErofsInode, attributes: Attributes): void {
    this.#table.set(inode, this.#record(this.typeOf(inode), attributes));
  }

  lookUp(parent: ErofsInode, name: ByteString): ErofsInode | undefined {
    return this.#table.children(parent).get(name) as ErofsInode | undefined;
  }

  typeOf(inode: ErofsInode): ErofsType {
    const type = typeOfMode(this.#table.mode(inode));
    if (!type) throw new Error(`there is no inode ${inode}`);
    return type;
  }

  names(directory: ErofsInode): Iterable<ByteString> {
    return this.#table.children(directory).keys();
  }

  attributesOf(inode: ErofsInode): Attributes {
    const { mode, xattrs, ...rest } = this.#table.get(inode);
    return { ...rest, mode: mode & 0o7777, xattrs: this.#xattrs.xattrsOf(xattrs) };
  }

  readLink(inode: ErofsInode): ByteString {
    if (this.typeOf(inode) !== 'symlink') throw new Error(`inode ${inode} is no symbolic link`);
    const size = this.#table.size(inode);
    const tail = this.#table.tail(inode);
    const rest = tail === noTail ? 0 : size % this.#blockBytes;
    const bytes = Buffer.alloc(size);
    if (rest > 0) this.#tails.bytes(tail, rest).copy(bytes, size - rest);
    this.#output.readBack(bytes.subarray(0, size - rest), this.#table.start(inode) * this.#blockBytes);
    return bytes.toString('latin1');
  }

  suspend(): void {
    if (this.#data.isOpen) throw new Error('the image is put aside in the middle of a file');
    writeSuspended(this.#fd, this.#output, {
      form: this.form,
      identity: this.#identity,
      table: this.#table.state,
      xattrs: this.#xattrs.state,
      tails: this.#tails.state,
      mapBytes: this.#data.mapBytes,
    });
  }

  finish({ tarSize = 0, checkpoint = () => undefined }: ErofsFinishOptions = {}): ErofsImageSize {
    if (this.#data.isOpen) throw new Error('the image is finished in the middle of a file');
    if (tarSize < this.#tarEnd) throw new Error(`a tar archive of ${tarSize} bytes for files up to byte ${this.#tarEnd}`);
    const hash = createHash('sha256').update(this.#identity).update('\0');
    this.#output.hashWith(hash);
    const written = writeMetadata({
      table: this.#table,
      root: this.root,
      xattrs: this.#xattrs,
      tails: this.#tails,
      output: this.#output,
      blockBytes: this.#blockBytes,
      checkpoint,
    });
    this.#output.hashWith(undefined);
    const bytes = this.#output.position;
    const superblock = encodeSuperblock({
      blockBits: blockBits[this.form],
      rootNid: written.rootNid,
      inodes: written.inodes,
      blocks: bytes / this.#blockBytes,
      metadataBlock: written.metadataBlock,
      uuid: uuidOf(hash.digest()),
      hasChunks: written.hasChunks,
      deviceBlocks: this.form === 'tar-index' ? roundUp(tarSize, this.#blockBytes) / this.#blockBytes : undefined,
    });
    ftruncateSync(this.#fd, bytes);
    for (let at = 0; at < superblock.length; )
      at += writeSync(this.#fd, superblock, at, superblock.length - at, superblockOffset + at);
    return { bytes, inodes: written.inodes };
  }

  #record(type: ErofsType, attributes: Attributes): InodeRecord {
    return recordOf(this.#xattrs, type, attributes);
  }

  #makeWithData(parent: ErofsInode, name: ByteString, type: ErofsType, attributes: Attributes, data: ErofsData): ErofsInode {
    const inode = this.#table.add(this.#record(type, attributes)) as ErofsInode;
    if (data.kind === 'flat') this.#table.setData(inode, keptFlat, data.size, data.start, data.tail ?? noTail);
    else if (data.kind === 'tar') this.#table.setData(inode, keptTar, data.size, data.offset / this.#blockBytes, noTail);
    else if (data.kind === 'chunks') this.#table.setMap(inode, data.size, data.chunkBits, data.starts);
    this.#setName(parent, name, inode);
    return inode;
  }

  #setName(parent: ErofsInode, name: ByteString, inode: ErofsInode): void {
    if (name === '' || name === '.' || name === '..' || name.length > longestName || name.includes('/') || name.includes('\0'))
      throw erofsError('EROFS_CANNOT_HOLD', `${quote(name)} cannot be a name in a directory`);
    this.#table.children(parent).set(copyName(name), inode);
  }
}

function recordOf(xattrs: XattrTable, type: ErofsType, attributes: Attributes): InodeRecord {
  const { mode, uid, gid, mtimeSeconds, mtimeNanoseconds } = attributes;
  if (!isOwner(uid) || !isOwner(gid) || !Number.isSafeInteger(mtimeSeconds))
    throw erofsError('EROFS_CANNOT_HOLD', `owner ${uid}:${gid} or time ${mtimeSeconds} cannot be on Linux`);
  const set = xattrs.intern(attributes.xattrs);
  return { mode: typeBits[type] | (mode & 0o7777), uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs: set };
}

function isOwner(id: number): boolean {
  return id >= 0 && id <= mostOwner;
}

/** Of version 8 (RFC 9562): what is in it is ours to choose. */
function uuidOf(digest: Buffer): Buffer {
  const uuid = digest.subarray(0, 16);
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
  return uuid;
}
