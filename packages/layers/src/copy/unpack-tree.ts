import type { LinuxSystem } from '@slipway/linux';
import { throwIfAborted } from '@slipway/plugin-api';
import type { LayerStream } from '../apply.js';
import type { ByteString } from '../bytes.js';
import { TarReader } from '../tar/reader.js';
import { asArchiveError } from './errors.js';
import { TreeUnpacker } from './tree-unpacker.js';

export interface UnpackTreeOptions {
  readonly system: LinuxSystem;
  /** Descriptor of the directory that names are resolved in as chroot(2) would: nothing is reached outside of it. It stays the caller's. */
  readonly root: number;
  /** The directory in it, resolved in it, that the archive is unpacked in; it must be there. */
  readonly directory: ByteString;
  /** Instead of the first name of each path; `.`: what is below that name goes into the directory itself. */
  readonly as?: ByteString | undefined;
  /** Of everything that is made; absent: as the archive says. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Bits and attributes that give rights (setuid, setgid, file capabilities), and device nodes, are made; else they are left out. */
  readonly privileges: boolean;
  /** A folder never takes the place of a file, nor a file that of a folder: COPY_REPLACES_KIND. */
  readonly noReplaceKind?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called before each entry and each name that is removed; what it throws ends the work. */
  readonly checkpoint?: (() => void) | undefined;
  /** Told what was left out. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Unpacks a tar stream in a directory where programs go on writing, as docker does: a directory over a directory takes its attributes and keeps what is in it,
 * anything else is replaced. The attributes of the directory itself stay. Whatever someone swaps meanwhile, nothing is made or changed outside of the root: the kernel
 * resolves every path in it, and all work is on one name below a descriptor. What an error leaves is the caller's to remove.
 * File system work is synchronous: run it in a worker.
 *
 * Errors: `invalid-argument` and `data-loss` (ARCHIVE_...) for what is wrong with the archive, `failed-precondition` (COPY_REPLACES_KIND),
 * `resource-exhausted`, `canceled`; of the file system.
 */
export async function unpackTree(source: LayerStream, options: UnpackTreeOptions): Promise<void> {
  const { signal } = options;
  using unpacker = new TreeUnpacker(options);
  const reader = new TarReader(unpacker);
  try {
    for await (const chunk of source) {
      throwIfAborted('unpack', signal);
      reader.push(chunk);
    }
    reader.end();
    unpacker.finish();
  } catch (error) {
    throw asArchiveError(error);
  }
}
