import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { LinuxSystem } from '@slipway/linux';
import type { ByteString } from '../bytes.js';
import type { Xattr } from '../tar/entry.js';
import type { TreePart } from './base.js';
import { DirectoryHandle, type HandleTable } from './handle.js';
import { readXattrs } from './xattrs.js';

/** What directories of file systems are read with. */
export interface FolderAccess {
  readonly system: LinuxSystem;
  readonly handles: HandleTable;
}

export type FolderForm = 'overlay' | 'directory';

/** A directory that lies in a file system. */
export class FolderPart implements TreePart<FolderPart, BigIntStats> {
  constructor(
    readonly access: FolderAccess,
    readonly handle: DirectoryHandle,
    readonly form: FolderForm,
  ) {}

  lookUp(name: ByteString): BigIntStats | undefined {
    return lstatSync(this.#path(name), { bigint: true, throwIfNoEntry: false });
  }

  enter(name: ByteString): FolderPart {
    return new FolderPart(this.access, new DirectoryHandle(this.handle, name), this.form);
  }

  isOpaque(name: ByteString): boolean {
    return isOpaque(this.access.system, this.#path(name));
  }

  names(): ByteString[] {
    return readdirSync(this.#path('.'), 'latin1');
  }

  readLink(name: ByteString): ByteString {
    return readlinkSync(this.#path(name), 'latin1');
  }

  readXattrs(name: ByteString): Xattr[] {
    return readXattrs(this.access.system, this.#path(name));
  }

  #path(name: ByteString): string | Buffer {
    return this.access.handles.path(this.handle, name);
  }
}

export function isOpaque(system: LinuxSystem, path: string | Buffer): boolean {
  return system.lgetxattr(path, 'trusted.overlay.opaque')?.toString('latin1') === 'y';
}
