import type { ByteString } from '../../bytes.js';
import type { Xattr } from '../../tar/entry.js';
import type { ErofsEntry, ErofsExtent, ErofsForm, ErofsImage, ErofsNid, ErofsReaderOptions, ErofsStat } from '../types.js';
import { Content } from './content.js';
import { DirectoryReader } from './directory.js';
import { ImageBytes } from './image-bytes.js';
import { type ReadInode, readInode } from './inode.js';
import { readSuperblock, type Superblock } from './superblock.js';
import { readXattrs } from './xattrs.js';

/** Opens an image to be read; its superblock and root are checked at once, the rest when it is asked for. */
export function openErofsImage(fd: number, options: ErofsReaderOptions): ErofsImage {
  return new OpenImage(fd, options);
}

class OpenImage implements ErofsImage {
  readonly form: ErofsForm;
  readonly root: ErofsNid;
  readonly inodes: number;
  readonly uuid: string;
  readonly #bytes: ImageBytes;
  readonly #superblock: Superblock;
  readonly #content: Content;
  /** Asked for last: a directory is looked up in again and again. */
  #latest: ReadInode | undefined;

  constructor(fd: number, { name, devices = [] }: ErofsReaderOptions) {
    this.#bytes = new ImageBytes(fd, name);
    this.#superblock = readSuperblock(this.#bytes);
    this.#content = new Content(this.#bytes, this.#superblock, devices);
    this.form = this.#superblock.devices.length > 0 ? 'tar-index' : 'flat';
    this.root = this.#superblock.rootNid;
    this.inodes = this.#superblock.inodes;
    this.uuid = this.#superblock.uuid;
    this.#directory(this.root);
  }

  stat(nid: ErofsNid): ErofsStat {
    const { type, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, size, links, major, minor } = this.#inode(nid);
    return { nid, type, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, size, links, major, minor };
  }

  lookUp(directory: ErofsNid, name: ByteString): ErofsEntry | undefined {
    return this.#directory(directory).lookUp(name);
  }

  *entries(directory: ErofsNid): Generator<ErofsEntry> {
    yield* this.#directory(directory).entries();
  }

  xattrs(nid: ErofsNid): Xattr[] {
    return readXattrs(this.#bytes, this.#superblock, this.#inode(nid));
  }

  xattr(nid: ErofsNid, name: ByteString): Buffer | undefined {
    return this.xattrs(nid).find((xattr) => xattr.name === name)?.value;
  }

  readLink(nid: ErofsNid): ByteString {
    const inode = this.#inode(nid);
    if (inode.type !== 'symlink') throw this.#bytes.invalid(`inode ${nid} is a ${inode.type}, expected a symlink`);
    const target = this.#content.metadata(inode, 0, inode.size).toString('latin1');
    if (target.includes('\0')) throw this.#bytes.invalid(`the link ${nid} has a NUL in its target`);
    return target;
  }

  read(nid: ErofsNid, buffer: Uint8Array, position: number): number {
    return this.#content.read(this.#file(nid), buffer, position);
  }

  *extents(nid: ErofsNid): Generator<ErofsExtent> {
    yield* this.#content.extents(this.#file(nid));
  }

  #inode(nid: ErofsNid): ReadInode {
    if (this.#latest?.nid !== nid) this.#latest = readInode(this.#bytes, this.#superblock, nid);
    return this.#latest;
  }

  #file(nid: ErofsNid): ReadInode {
    const inode = this.#inode(nid);
    if (inode.type !== 'file') throw this.#bytes.invalid(`inode ${nid} is a ${inode.type}, expected a file`);
    return inode;
  }

  #directory(nid: ErofsNid): DirectoryReader {
    return new DirectoryReader(this.#bytes, this.#content, this.#inode(nid), 2 ** this.#superblock.blockBits);
  }
}
