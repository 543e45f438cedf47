import { type BigIntStats, closeSync, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { type LinuxSystem, splitdev } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';
import type { ByteString } from '../bytes.js';
import { Blocks } from '../compare/blocks.js';
import { endBytes } from '../compare/layer-size.js';
import { inodeKey } from '../compare/merged-tree.js';
import { defaultLimits } from '../limits.js';
import { encodeEntry, paddingOf } from '../tar/encode.js';
import type { EntryType, TarEntry } from '../tar/entry.js';
import { attributesOf } from '../tree/attributes.js';
import { DirectoryHandle, HandleTable } from '../tree/handle.js';
import { readXattrs } from '../tree/xattrs.js';
import { copyError, copyFailure } from './errors.js';
import { openLiveFile, readLive } from './live-file.js';

export interface PackSource {
  /** Descriptor of a directory, O_PATH is enough. It stays the caller's, open until the end. */
  readonly directory: number;
  /** One name in it, or `.` for itself. */
  readonly name: ByteString;
  /** What the archive calls it; `.` for its content without a name. */
  readonly as: ByteString;
}

export interface PackTreeOptions {
  readonly system: LinuxSystem;
  /** Called before each name and each part of a file; what it throws ends the work. */
  readonly checkpoint?: (() => void) | undefined;
}

/** A label that the host's security module puts on every file: it says where the tree lies, not what it is. */
const hostLabel = 'security.selinux';

/** Names of so many files with several are kept to be linked; a file past them is written once for each of its names. */
const mostLinked = 1_000_000;

/**
 * A tree, or one file, as a tar stream in parts of a megabyte, of a place where programs go on writing: what vanishes meanwhile is left out, a file
 * that grows is as long as it was when it was opened. Everything is reached by descriptor, one name at a time, and no symbolic link is followed: whoever
 * swaps names meanwhile gets nothing in that they could not reach themselves. Mounts are gone into. Sockets are left out. Nothing but regular
 * files and directories is opened. File system work is synchronous: run it in a worker.
 *
 * Errors: `not-found` when nothing is there to begin with; `aborted` (COPY_CHANGED) for a file that is cut short while it is read;
 * `resource-exhausted` (COPY_TOO_DEEP); of the file system.
 */
export function* packTree(source: PackSource, { system, checkpoint = () => undefined }: PackTreeOptions): Generator<Buffer> {
  using handles = new HandleTable();
  const blocks = new Blocks();
  const linked = new Map<string, ByteString>();
  const root = new DirectoryHandle(undefined, `/proc/self/fd/${source.directory}/.`);
  const frames: Frame[] = [];

  yield* pack(root, source.name, source.as === '.' ? '' : source.as);
  for (let frame = frames.at(-1); frame; frame = frames.at(-1)) {
    const name = frame.pending.pop();
    if (name === undefined) {
      handles.close(frame.handle);
      frames.pop();
      continue;
    }
    checkpoint();
    yield* pack(frame.handle, name, frame.path === '' ? name : `${frame.path}/${name}`);
  }
  yield* blocks.add(Buffer.alloc(endBytes));
  yield* blocks.rest();

  function* pack(at: DirectoryHandle, name: ByteString, path: ByteString): Generator<Buffer> {
    const isTop = frames.length === 0;
    try {
      yield* packOne(at, name, path);
    } catch (error) {
      if (isTop || !isGone(error)) throw copyFailure(path, error);
    }
  }

  function* packOne(at: DirectoryHandle, name: ByteString, path: ByteString): Generator<Buffer> {
    const place = handles.path(at, name);
    const stats = lstatSync(place, { bigint: true });
    if (stats.isSocket()) return;
    if (stats.isDirectory()) {
      const header = headerOf(stats, place, path, '');
      const handle = name === '.' ? at : new DirectoryHandle(at, name);
      const pending = readdirSync(handles.path(handle, '.'), 'latin1').sort().reverse();
      yield* blocks.add(header);
      if (frames.length > defaultLimits.depth)
        throw copyError('COPY_TOO_DEEP', path, `is deeper than the limit of ${defaultLimits.depth} directories`);
      frames.push({ handle, path, pending });
      return;
    }
    const first = stats.nlink > 1n ? linked.get(inodeKey(stats)) : undefined;
    if (first !== undefined) {
      yield* blocks.add(encode({ ...nothing, ...attributesOf(stats, []), type: 'hardlink', path, linkTarget: first }));
      return;
    }
    if (stats.isFile()) yield* packFile(place, path);
    else yield* blocks.add(headerOf(stats, place, path, stats.isSymbolicLink() ? readlinkSync(place, 'latin1') : ''));
    if (stats.nlink > 1n && linked.size < mostLinked) linked.set(inodeKey(stats), path);
  }

  /** Its attributes are those of the file that was opened, whatever has the name by now. */
  function* packFile(place: string | Buffer, path: ByteString): Generator<Buffer> {
    const { fd, stats } = openLiveFile(place, path);
    try {
      const size = Number(stats.size);
      yield* blocks.add(headerOf(stats, place, path, ''));
      for (let position = 0; position < size; ) {
        checkpoint();
        const { buffer, start } = yield* blocks.space();
        const bytes = Math.min(buffer.length - start, size - position);
        readLive(fd, buffer.subarray(start, start + bytes), position, path);
        blocks.took(bytes);
        position += bytes;
      }
      yield* blocks.add(Buffer.alloc(paddingOf(size)));
    } finally {
      closeSync(fd);
    }
  }

  function headerOf(stats: BigIntStats, place: string | Buffer, path: ByteString, linkTarget: ByteString): Buffer {
    const type = typeOf(stats);
    const xattrs = readXattrs(system, place)
      .filter((xattr) => xattr.name !== hostLabel)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const { major, minor } = type === 'character' || type === 'block' ? splitdev(stats.rdev) : { major: 0, minor: 0 };
    return encode({
      ...attributesOf(stats, xattrs),
      type,
      path: type === 'directory' ? `${path === '' ? '.' : path}/` : path,
      linkTarget,
      size: type === 'file' ? Number(stats.size) : 0,
      deviceMajor: major,
      deviceMinor: minor,
    });
  }
}

/** A directory that the walk is in. */
interface Frame {
  readonly handle: DirectoryHandle;
  readonly path: ByteString;
  /** Names to come, the next one last. */
  readonly pending: ByteString[];
}

const nothing = { size: 0, deviceMajor: 0, deviceMinor: 0 };

function encode(entry: TarEntry): Buffer {
  return encodeEntry(entry, defaultLimits.headerBytes);
}

function typeOf(stats: BigIntStats): EntryType {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  return stats.isCharacterDevice() ? 'character' : 'block';
}

/** What system calls say of a name that was there, or was of another type, a moment ago. */
function isGone(error: unknown): boolean {
  if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ESTALE')) return true;
  return hasCode(error, 'EINVAL') && error instanceof Error && 'syscall' in error && error.syscall === 'readlink';
}
