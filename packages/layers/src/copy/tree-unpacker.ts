import {
  type BigIntStats,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { type LinuxSystem, makedev, O_PATH } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';
import { type ByteString, quote, toPath } from '../bytes.js';
import { inodeKey } from '../compare/merged-tree.js';
import { defaultLimits } from '../limits.js';
import type { TarEntry, TarSink, Xattr } from '../tar/entry.js';
import { mtimeNs } from '../tree/attributes.js';
import { DirectoryHandle, HandleTable } from '../tree/handle.js';
import { removeTree } from '../tree/remove.js';
import { isUnsupported } from '../tree/xattrs.js';
import { copyError, copyFailure } from './errors.js';
import { namesOf, Places } from './places.js';
import { SparseFile } from './sparse-file.js';
import type { UnpackTreeOptions } from './unpack-tree.js';

const newFile = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
/** A file that something is mounted on cannot be replaced, as /etc/hosts of a container: its content is. */
const sameFile = constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const openDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const { S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT } = constants;
const specialTypes: Readonly<Record<string, number>> = { fifo: S_IFIFO, character: S_IFCHR, block: S_IFBLK };

/** Whoever makes a name again as fast as it is removed, so many times, does it to hinder. */
const mostReplacements = 8;

/** Makes what the entries of an archive say, each below a descriptor of its directory. */
export class TreeUnpacker implements TarSink, Disposable {
  readonly #system: LinuxSystem;
  readonly #options: UnpackTreeOptions;
  readonly #places: Places;
  readonly #checkpoint: () => void;
  readonly #handles = new HandleTable();
  /** Their times are set last: what is made in them would change it. */
  readonly #directories: { readonly names: readonly ByteString[]; readonly inode: string; readonly mtimeNs: bigint }[] = [];
  readonly #warned = new Set<string>();
  #file: { readonly content: SparseFile; readonly entry: TarEntry; readonly names: readonly ByteString[] } | undefined;

  constructor(options: UnpackTreeOptions) {
    this.#options = options;
    this.#system = options.system;
    this.#checkpoint = options.checkpoint ?? (() => undefined);
    this.#places = new Places(options.system, options.root, options.directory, options.owner ?? { uid: 0, gid: 0 });
  }

  entry(entry: TarEntry): void {
    this.#checkpoint();
    const names = this.#placed(entry.path, entry.path);
    if (names.length > defaultLimits.depth)
      throw copyError('COPY_TOO_DEEP', entry.path, `is deeper than the limit of ${defaultLimits.depth} directories`);
    this.#telling(entry.path, () => this.#make(entry, names));
  }

  data(chunk: Uint8Array, start: number, end: number, position: number): void {
    const file = this.#file;
    if (file !== undefined) this.#telling(file.entry.path, () => file.content.write(chunk, start, end, position));
  }

  fileEnd(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    const { content, entry, names } = file;
    using _content = content;
    this.#telling(entry.path, () => {
      content.end(entry.size);
      // After the content: writing clears setuid and security.capability. Mode after owner: chown clears setuid.
      this.#setAttributes(content.fd, entry);
      this.#setTime(names, entry);
    });
  }

  /** Sets the times of directories: the last thing to do. */
  finish(): void {
    for (const { names, inode, mtimeNs: time } of this.#directories.reverse()) {
      this.#checkpoint();
      this.#unlessGone(() => {
        const fd = this.#places.openDirectory(names);
        try {
          if (inodeKey(fstatSync(fd, { bigint: true })) === inode) this.#system.lutimes(`/proc/self/fd/${fd}/.`, time, time);
        } finally {
          closeSync(fd);
        }
      });
    }
  }

  [Symbol.dispose](): void {
    this.#file?.content[Symbol.dispose]();
    this.#places[Symbol.dispose]();
    this.#handles[Symbol.dispose]();
  }

  #placed(path: ByteString, entry: ByteString): readonly ByteString[] {
    const names = namesOf(path, entry);
    const { as } = this.#options;
    if (as === undefined || names.length === 0) return names;
    return as === '.' ? names.slice(1) : [as, ...names.slice(1)];
  }

  #make(entry: TarEntry, names: readonly ByteString[]): void {
    if (names.length === 0) {
      if (entry.type !== 'directory')
        throw copyError('ARCHIVE_NAME_INVALID', entry.path, `stands for the folder itself, and is a ${entry.type}`);
      return;
    }
    switch (entry.type) {
      case 'directory':
        this.#makeDirectory(entry, names);
        break;
      case 'file':
        this.#file = { content: new SparseFile(this.#openFile(entry, names)), entry, names };
        break;
      case 'symlink':
        this.#create(names, entry, (path) => symlinkSync(toPath(entry.linkTarget), path));
        this.#setLinkAttributes(names, entry);
        break;
      case 'hardlink':
        this.#link(entry, names);
        break;
      default:
        this.#makeSpecial(entry, names);
    }
  }

  #makeDirectory(entry: TarEntry, names: readonly ByteString[]): void {
    const found = lstatSync(this.#places.at(names), { throwIfNoEntry: false });
    if (found?.isDirectory() !== true) this.#create(names, entry, (path) => mkdirSync(path, 0o700));
    const fd = openSync(this.#places.at(names), openDirectory);
    try {
      this.#setAttributes(fd, entry);
      const inode = inodeKey(fstatSync(fd, { bigint: true }));
      this.#directories.push({ names, inode, mtimeNs: mtimeNs(entry) });
    } finally {
      closeSync(fd);
    }
  }

  #openFile(entry: TarEntry, names: readonly ByteString[]): number {
    try {
      return this.#create(names, entry, (path) => openSync(path, newFile, 0o600));
    } catch (error) {
      if (!hasCode(error, 'EBUSY')) throw error;
      const fd = openSync(this.#places.at(names), sameFile);
      if (fstatSync(fd).isFile()) return fd;
      closeSync(fd);
      throw error;
    }
  }

  #link(entry: TarEntry, names: readonly ByteString[]): void {
    const target = this.#placed(entry.linkTarget, entry.path);
    const same = target.join('/') === names.join('/');
    if (target.length === 0 || same)
      throw copyError(
        'ARCHIVE_LINK_INVALID',
        entry.path,
        `the hard link's target ${quote(entry.linkTarget)} is ${same ? 'the entry itself' : 'a folder'}`,
      );
    try {
      this.#create(names, entry, (path) => linkSync(this.#places.existing(target), path));
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'EPERM', 'EXDEV')) throw error;
      const why = hasCode(error, 'ENOENT') ? 'is not there' : 'cannot be linked';
      throw copyError('ARCHIVE_LINK_INVALID', entry.path, `the hard link's target ${quote(entry.linkTarget)} ${why}`);
    }
  }

  #makeSpecial(entry: TarEntry, names: readonly ByteString[]): void {
    const type = specialTypes[entry.type] ?? 0;
    const { deviceMajor, deviceMinor } = entry;
    if (type !== S_IFIFO && !this.#options.privileges) {
      this.#warn('devices', `device ${quote(entry.path)} is left out`);
      return;
    }
    this.#create(names, entry, (path) => this.#system.mknod(path, type | 0o600, deviceMajor, deviceMinor));
    const fd = openSync(this.#places.at(names), O_PATH | constants.O_NOFOLLOW);
    try {
      const stats = fstatSync(fd, { bigint: true });
      if (!isMade(stats, type, deviceMajor, deviceMinor))
        throw copyError('COPY_CHANGED', entry.path, 'it was replaced when it was made');
      // By descriptor, which chmod(2) and chown(2) reach through this path: nothing opens what was made.
      const { uid, gid } = this.#owner(entry);
      chownSync(`/proc/self/fd/${fd}`, uid, gid);
      chmodSync(`/proc/self/fd/${fd}`, this.#mode(entry));
      this.#setTime(names, entry);
    } finally {
      closeSync(fd);
    }
  }

  /** Makes something new; what has the name goes first, which is found out by failing. */
  #create<T>(names: readonly ByteString[], entry: TarEntry, create: (path: string | Buffer) => T): T {
    for (let left = mostReplacements; ; left--) {
      try {
        return create(this.#places.at(names));
      } catch (error) {
        if (!hasCode(error, 'EEXIST') || left === 0) throw error;
        this.#remove(names, entry);
      }
    }
  }

  #remove(names: readonly ByteString[], entry: TarEntry): void {
    const path = this.#places.at(names);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (this.#options.noReplaceKind === true && found.isDirectory() !== (entry.type === 'directory'))
      throw copyError(
        'COPY_REPLACES_KIND',
        entry.path,
        found.isDirectory() ? 'cannot take the place of a folder' : 'a folder cannot take the place of a file',
        'remove what is there first, or copy to another name',
      );
    if (!found.isDirectory()) {
      this.#unlessGone(() => unlinkSync(path));
      // A link may have been on the way to where entries went so far.
      this.#places.forget();
      return;
    }
    const parent = openSync(this.#places.at([...names.slice(0, -1), '.']), openDirectory);
    try {
      const handle = new DirectoryHandle(undefined, `/proc/self/fd/${parent}/.`);
      removeTree(this.#handles, handle, names.at(-1) ?? '', this.#checkpoint);
      this.#handles.close(handle);
    } finally {
      closeSync(parent);
    }
    this.#places.forget();
  }

  #owner(entry: TarEntry): { readonly uid: number; readonly gid: number } {
    return this.#options.owner ?? entry;
  }

  #mode(entry: TarEntry): number {
    return this.#options.privileges || entry.type === 'directory' ? entry.mode : entry.mode & 0o1777;
  }

  #setAttributes(fd: number, entry: TarEntry): void {
    const { uid, gid } = this.#owner(entry);
    fchownSync(fd, uid, gid);
    fchmodSync(fd, this.#mode(entry));
    this.#eachXattr(entry, ({ name, value }) => this.#system.fsetxattr(fd, toPath(name), value));
  }

  #setLinkAttributes(names: readonly ByteString[], entry: TarEntry): void {
    const { uid, gid } = this.#owner(entry);
    const path = this.#places.at(names);
    lchownSync(path, uid, gid);
    this.#eachXattr(entry, ({ name, value }) => this.#system.lsetxattr(path, toPath(name), value));
    this.#setTime(names, entry);
  }

  #setTime(names: readonly ByteString[], entry: TarEntry): void {
    const time = mtimeNs(entry);
    this.#unlessGone(() => this.#system.lutimes(this.#places.at(names), time, time));
  }

  #eachXattr(entry: TarEntry, set: (xattr: Xattr) => void): void {
    for (const xattr of entry.xattrs) {
      if (!this.#options.privileges && !/^(?:user\.|system\.posix_acl)/.test(xattr.name)) continue;
      try {
        set(xattr);
      } catch (error) {
        if (!isUnsupported(error)) throw error;
        this.#warn('xattrs', `extended attributes such as ${quote(xattr.name)} are left out: the file system does not take them`);
      }
    }
  }

  #warn(what: string, message: string): void {
    if (this.#warned.has(what)) return;
    this.#warned.add(what);
    this.#options.onWarning?.(message);
  }

  /** Whoever removes a file when it has just been made has no use for its time. */
  #unlessGone(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
    }
  }

  #telling<T>(path: ByteString, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw copyFailure(path, error);
    }
  }
}

function isMade({ mode, rdev }: BigIntStats, type: number, major: number, minor: number): boolean {
  return (Number(mode) & S_IFMT) === type && (type === S_IFIFO || rdev === makedev(major, minor));
}
