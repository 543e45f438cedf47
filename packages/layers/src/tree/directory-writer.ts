import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { type LinuxSystem, splitdev } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';
import { type ByteString, quote, toPath } from '../bytes.js';
import type { TarEntry } from '../tar/entry.js';
import { type Attributes, attributesOf, mtimeNs } from './attributes.js';
import type { BaseEntry } from './base.js';
import { isOpaque } from './folder-part.js';
import type { HandleTable } from './handle.js';
import type { DirectoryNode } from './node.js';
import { removeTree } from './remove.js';
import type { OwnEntry, TreeWriter } from './writer.js';
import { hasDefaultAcl, isUnsupported, listXattrs } from './xattrs.js';

export interface DirectoryWriterOptions {
  readonly system: LinuxSystem;
  readonly handles: HandleTable;
  /** How the trees below are hidden: by overlayfs' marks, or by not being there any more. */
  readonly form: 'overlay' | 'directory';
  readonly checkpoint: () => void;
  readonly warn: (message: string) => void;
}

const newFile = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
const { S_IFBLK, S_IFCHR, S_IFIFO } = constants;
const specialTypes: Readonly<Record<string, number>> = { fifo: S_IFIFO, character: S_IFCHR, block: S_IFBLK };

/** Writes a layer to a directory. System calls that would change nothing are left out: they are most of the time of unpacking. */
export class DirectoryWriter implements TreeWriter, Disposable {
  readonly #system: LinuxSystem;
  readonly #handles: HandleTable;
  readonly #form: 'overlay' | 'directory';
  readonly #checkpoint: () => void;
  readonly #warn: (message: string) => void;
  readonly #uid = process.geteuid?.() ?? 0;
  readonly #gid = process.getegid?.() ?? 0;
  readonly #umask = currentUmask();
  #warned = false;
  #file:
    | { readonly fd: number; readonly parent: DirectoryNode; readonly name: ByteString; readonly entry: TarEntry; length: number }
    | undefined;

  constructor(options: DirectoryWriterOptions) {
    this.#system = options.system;
    this.#handles = options.handles;
    this.#form = options.form;
    this.#checkpoint = options.checkpoint;
    this.#warn = options.warn;
  }

  [Symbol.dispose](): void {
    if (this.#file) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  makeDirectory(node: DirectoryNode, hidesBase: boolean): void {
    const { parent, name, attributes } = node;
    if (!parent) return;
    this.#create(parent, name, (path) => mkdirSync(path, attributes.mode & 0o777));
    this.#setOwnerAndMode(parent, name, attributes);
    this.#setXattrs(parent, name, attributes);
    settle(node);
    if (hidesBase) this.setOpaque(node);
  }

  setAttributes(node: DirectoryNode): void {
    const { attributes } = node;
    const fd = this.#handles.fd(node.handle);
    fchownSync(fd, attributes.uid, attributes.gid);
    fchmodSync(fd, attributes.mode);
    this.#replaceXattrs(this.#handles.path(node.handle, '.'), attributes);
    settle(node);
  }

  beginFile(parent: DirectoryNode, name: ByteString, entry: TarEntry): void {
    const fd = this.#create(parent, name, (path) => openSync(path, newFile, entry.mode & 0o777));
    this.#file = { fd, parent, name, entry, length: 0 };
  }

  writeFile(chunk: Uint8Array, start: number, end: number, position: number): void {
    const file = this.#file;
    if (!file) return;
    let at = start;
    while (at < end) at += writeSync(file.fd, chunk, at, end - at, position + at - start);
    file.length = position + end - start;
  }

  endFile(): void {
    const file = this.#file;
    if (!file) return;
    if (file.length !== file.entry.size) ftruncateSync(file.fd, file.entry.size);
    this.#finishFile(file.fd, file.parent, file.name, file.entry);
    this.#file = undefined;
    closeSync(file.fd);
  }

  makeSymlink(parent: DirectoryNode, name: ByteString, target: ByteString, attributes: Attributes): void {
    this.#create(parent, name, (path) => symlinkSync(toPath(target), path));
    const path = this.#handles.path(parent.handle, name);
    if (this.#ownerDiffers(parent, attributes)) lchownSync(path, attributes.uid, attributes.gid);
    this.#setXattrs(parent, name, attributes);
    this.#setTime(parent, name, attributes);
  }

  makeSpecial(parent: DirectoryNode, name: ByteString, entry: TarEntry): void {
    const mode = (specialTypes[entry.type] ?? 0) | (entry.mode & 0o777);
    this.#makeNode(parent, name, mode, entry.deviceMajor, entry.deviceMinor, entry);
  }

  link(parent: DirectoryNode, name: ByteString, targetParent: DirectoryNode, targetName: ByteString): void {
    this.#create(parent, name, (path) => linkSync(this.#handles.path(targetParent.handle, targetName), path));
  }

  copyUp(parent: DirectoryNode, name: ByteString, source: BaseEntry): void {
    const { stats, at } = source;
    if (!at.handle) throw new Error(`what is below ${quote(name)} lies in no file system`);
    const sourcePath = this.#handles.path(at.handle, source.name);
    const attributes = attributesOf(stats, at.readXattrs(source.name));
    if (stats.isFile()) {
      const from = openSync(sourcePath, constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        const to = this.#create(parent, name, (path) => openSync(path, newFile, attributes.mode & 0o777));
        try {
          this.#system.copySparse(from, to, Number(stats.size), this.#checkpoint);
          ftruncateSync(to, Number(stats.size));
          this.#finishFile(to, parent, name, attributes);
        } finally {
          closeSync(to);
        }
      } finally {
        closeSync(from);
      }
    } else if (stats.isSymbolicLink()) {
      this.makeSymlink(parent, name, readlinkSync(sourcePath, 'latin1'), attributes);
    } else {
      const { major, minor } = splitdev(stats.rdev);
      this.#makeNode(parent, name, Number(stats.mode) & 0o170777, major, minor, attributes);
    }
  }

  remove(parent: DirectoryNode, name: ByteString): void {
    this.#checkpoint();
    removeTree(this.#handles, parent.handle, name, this.#checkpoint);
  }

  hide(parent: DirectoryNode, name: ByteString): void {
    this.#checkpoint();
    removeTree(this.#handles, parent.handle, name, this.#checkpoint);
    if (this.#form === 'overlay') this.#system.mknod(this.#handles.path(parent.handle, name), S_IFCHR, 0, 0);
  }

  setOpaque(node: DirectoryNode): void {
    if (this.#form === 'overlay')
      this.#system.lsetxattr(this.#handles.path(node.handle, '.'), 'trusted.overlay.opaque', Buffer.from('y'));
  }

  forget(node: DirectoryNode): void {
    this.#handles.close(node.handle);
  }

  lookUp(parent: DirectoryNode, name: ByteString): OwnEntry | undefined {
    const stats = lstatSync(this.#handles.path(parent.handle, name), { bigint: true, throwIfNoEntry: false });
    return stats && { isDirectory: stats.isDirectory(), attributes: attributesOf(stats, []) };
  }

  readLink(parent: DirectoryNode, name: ByteString): ByteString {
    return readlinkSync(this.#handles.path(parent.handle, name), 'latin1');
  }

  isOpaque(node: DirectoryNode): boolean {
    return isOpaque(this.#system, this.#handles.path(node.handle, '.'));
  }

  suspend(nodes: Iterable<DirectoryNode>): void {
    this.finish(nodes);
  }

  finish(nodes: Iterable<DirectoryNode>): void {
    for (const node of nodes) {
      this.#checkpoint();
      const { attributes } = node;
      if (node.parent && node.handle.fd === undefined) this.#setTime(node.parent, node.name, attributes);
      else if (isWholeTime(attributes))
        futimesSync(this.#handles.fd(node.handle), attributes.mtimeSeconds, attributes.mtimeSeconds);
      else this.#lutimes(this.#handles.path(node.handle, '.'), attributes);
    }
  }

  /** Makes something new; what the target has under the name goes first. That is rare, so it is found out by failing. */
  #create<T>(parent: DirectoryNode, name: ByteString, create: (path: string | Buffer) => T): T {
    try {
      return create(this.#handles.path(parent.handle, name));
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      removeTree(this.#handles, parent.handle, name, this.#checkpoint);
      return create(this.#handles.path(parent.handle, name));
    }
  }

  #makeNode(parent: DirectoryNode, name: ByteString, mode: number, major: number, minor: number, attributes: Attributes): void {
    this.#create(parent, name, (path) => this.#system.mknod(path, mode, major, minor));
    this.#setOwnerAndMode(parent, name, attributes);
    this.#setXattrs(parent, name, attributes);
    this.#setTime(parent, name, attributes);
  }

  #finishFile(fd: number, parent: DirectoryNode, name: ByteString, attributes: Attributes): void {
    // After the content: writing clears setuid and security.capability. Mode after owner: chown clears setuid.
    if (this.#ownerDiffers(parent, attributes)) fchownSync(fd, attributes.uid, attributes.gid);
    if (this.#modeDiffers(parent, attributes)) fchmodSync(fd, attributes.mode);
    this.#setXattrs(parent, name, attributes);
    if (isWholeTime(attributes)) futimesSync(fd, attributes.mtimeSeconds, attributes.mtimeSeconds);
    else this.#setTime(parent, name, attributes);
  }

  #setOwnerAndMode(parent: DirectoryNode, name: ByteString, attributes: Attributes): void {
    const path = this.#handles.path(parent.handle, name);
    if (this.#ownerDiffers(parent, attributes)) lchownSync(path, attributes.uid, attributes.gid);
    // chmod(2) follows links, but what is here is what was made just now.
    if (this.#modeDiffers(parent, attributes)) chmodSync(path, attributes.mode);
  }

  #ownerDiffers(parent: DirectoryNode, attributes: Attributes): boolean {
    return attributes.uid !== this.#uid || attributes.gid !== this.#gid || this.#passesOn(parent);
  }

  #modeDiffers(parent: DirectoryNode, attributes: Attributes): boolean {
    return (attributes.mode & (this.#umask | 0o7000)) !== 0 || this.#passesOn(parent);
  }

  #passesOn(node: DirectoryNode): boolean {
    node.passesOn ??= (node.attributes.mode & 0o2000) !== 0 || hasDefaultAcl(this.#system, this.#handles.path(node.handle, '.'));
    return node.passesOn;
  }

  #setXattrs(parent: DirectoryNode, name: ByteString, attributes: Attributes): void {
    if (attributes.xattrs.length === 0 && !this.#passesOn(parent)) return;
    const path = this.#handles.path(parent.handle, name);
    if (this.#passesOn(parent)) this.#replaceXattrs(path, attributes);
    else this.#addXattrs(path, attributes);
  }

  #replaceXattrs(path: string | Buffer, attributes: Attributes): void {
    const wanted = new Set(attributes.xattrs.map((xattr) => xattr.name));
    for (const name of listXattrs(this.#system, path)) {
      if (wanted.has(name)) continue;
      try {
        this.#system.lremovexattr(path, toPath(name));
      } catch (error) {
        // A label that the host's security module puts on every file is not the image's, and cannot be removed.
        if (name !== 'security.selinux') throw error;
      }
    }
    this.#addXattrs(path, attributes);
  }

  #addXattrs(path: string | Buffer, attributes: Attributes): void {
    for (const { name, value } of attributes.xattrs) {
      try {
        this.#system.lsetxattr(path, toPath(name), value);
      } catch (error) {
        if (!isUnsupported(error)) throw error;
        if (!this.#warned)
          this.#warn(`the file system of the target does not take extended attributes such as ${name}: they are left out`);
        this.#warned = true;
      }
    }
  }

  #setTime(parent: DirectoryNode, name: ByteString, attributes: Attributes): void {
    this.#lutimes(this.#handles.path(parent.handle, name), attributes);
  }

  #lutimes(path: string | Buffer, attributes: Attributes): void {
    const time = mtimeNs(attributes);
    this.#system.lutimes(path, time, time);
  }
}

/** node:fs takes seconds as a double, exact for whole ones, and reads a negative number as "now". */
function isWholeTime(attributes: Attributes): boolean {
  return attributes.mtimeNanoseconds === 0 && attributes.mtimeSeconds >= 0;
}

/** The target has the attributes. Extended ones are not kept: each may have 64 KiB, and a layer very many directories. */
function settle(node: DirectoryNode): void {
  const { attributes } = node;
  node.passesOn = passesOn(attributes);
  if (attributes.xattrs.length > 0) node.attributes = { ...attributes, xattrs: [] };
}

/** What is made in such a directory gets its group or its access control list. */
function passesOn(attributes: Attributes): boolean {
  return (attributes.mode & 0o2000) !== 0 || attributes.xattrs.some((xattr) => xattr.name === 'system.posix_acl_default');
}

/** process.umask() without an argument sets it for a moment, for all threads. */
function currentUmask(): number {
  return Number.parseInt(/^Umask:\s*([0-7]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '777', 8);
}
