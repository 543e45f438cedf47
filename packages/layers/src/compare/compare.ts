import { type LinuxSystem, splitdev } from '@slipway/linux';
import type { LayerTree } from '@slipway/plugin-api';
import { type ByteString, quote } from '../bytes.js';
import { entryError } from '../errors.js';
import { defaultLimits, type LayerLimits } from '../limits.js';
import { encodeEntry, paddingOf } from '../tar/encode.js';
import type { EntryType, TarEntry } from '../tar/entry.js';
import { HandleTable } from '../tree/handle.js';
import { Blocks } from './blocks.js';
import { inChangedTree } from './changed.js';
import { type Change, findChanges } from './changes.js';
import { ImageMounts } from './image-mounts.js';
import { endBytes, LayerSize } from './layer-size.js';
import { linkTargetOf, type TreeAccess, type TreeEntry } from './merged-tree.js';
import { OpenFile } from './open-file.js';
import { openTrees } from './open-trees.js';
import { readAttributes } from './same.js';

export interface CompareTreesOptions {
  readonly system: LinuxSystem;
  /** What the layer has to keep within, so that it can be applied. */
  readonly limits?: LayerLimits | undefined;
  /** Called before each name and each part of a file; what it throws ends the work. */
  readonly checkpoint?: (() => void) | undefined;
}

/**
 * The layer, an uncompressed tar stream in parts of a megabyte, that makes the merged trees `lower` the merged trees `upper`. Both are lists
 * with the topmost tree first. File system work is synchronous: run it in a worker. A part is the receiver's to keep.
 *
 * - Applied to `lower`, the layer gives `upper`: content, types, modes, owners, times, extended attributes, hard links. Sockets are left out.
 * - The same trees give the same bytes, in whichever form they lie: entries in the order of their names' bytes, nothing of the moment.
 * - Each directory on the way to a change is listed before it, with the attributes it has in `upper`.
 *
 * Errors: `invalid-argument` for what no layer can describe, `resource-exhausted` past a limit, `aborted` when a tree changes
 * meanwhile, `unimplemented` where this kernel cannot mount EROFS images among the trees.
 */
export function* compareTrees(
  lower: readonly LayerTree[],
  upper: readonly LayerTree[],
  options: CompareTreesOptions,
): Generator<Buffer> {
  const { system, limits = defaultLimits, checkpoint = () => undefined } = options;
  using handles = new HandleTable();
  using mounts = new ImageMounts(system);
  const access: TreeAccess = { system, handles, mounts };
  const blocks = new Blocks();
  const size = new LayerSize(limits);
  const walk = openTrees(access, lower, upper, limits.depth, checkpoint);
  try {
    for (const change of findChanges(walk)) {
      checkNames(change.path);
      const entry = describe(change);
      const header = encodeEntry(entry, limits.headerBytes);
      size.add(change.path, header, entry.size);
      yield* blocks.add(header);
      if (entry.type === 'file' && change.type === 'write') yield* writeContent(access, change, blocks, checkpoint);
    }
  } catch (error) {
    throw inChangedTree(error);
  }
  yield* blocks.add(Buffer.alloc(endBytes));
  yield* blocks.rest();
}

function* writeContent(
  access: TreeAccess,
  { entry, path }: Extract<Change, { type: 'write' }>,
  blocks: Blocks,
  checkpoint: () => void,
): Generator<Buffer> {
  using file = new OpenFile(access, entry, path);
  for (let at = 0; at < file.size; ) {
    checkpoint();
    const { buffer, start } = yield* blocks.space();
    const bytes = Math.min(buffer.length - start, file.size - at);
    file.read(buffer, start, bytes, at);
    blocks.took(bytes);
    at += bytes;
  }
  file.ensureUnchanged();
  yield* blocks.add(Buffer.alloc(paddingOf(file.size)));
}

const whiteoutPrefix = '.wh.';

function checkNames(path: ByteString): void {
  const name = path.split('/').find((part) => part.startsWith(whiteoutPrefix));
  if (name !== undefined)
    throw entryError(
      'LAYER_NAME_INVALID',
      path,
      `no layer can describe the name ${quote(name)}: names beginning with ".wh." are reserved for whiteouts`,
    );
}

/** As long as it is a whiteout, an entry says nothing but its name. */
const whiteout: Omit<TarEntry, 'path'> = {
  type: 'file',
  linkTarget: '',
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeSeconds: 0,
  mtimeNanoseconds: 0,
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: [],
};

function describe(change: Change): TarEntry {
  const { path } = change;
  if (change.type === 'remove') {
    const slash = path.lastIndexOf('/') + 1;
    return { ...whiteout, path: `${path.slice(0, slash)}${whiteoutPrefix}${path.slice(slash)}` };
  }
  const { entry } = change;
  const type = typeOf(entry);
  const isDevice = type === 'character' || type === 'block';
  const { major, minor } = isDevice ? splitdev(entry.stats.rdev) : { major: 0, minor: 0 };
  if (type === 'character' && major === 0 && minor === 0)
    throw entryError('LAYER_DEVICE_INVALID', path, 'the character device 0:0 would hide the file of a layer below');
  const attributes = readAttributes(entry);
  return {
    ...attributes,
    type: change.type === 'link' ? 'hardlink' : type,
    path: type === 'directory' ? `${path === '' ? '.' : path}/` : path,
    linkTarget: change.type === 'link' ? change.target : linkTargetOf(entry),
    size: type === 'file' && change.type === 'write' ? Number(entry.stats.size) : 0,
    deviceMajor: major,
    deviceMinor: minor,
    xattrs: change.type === 'link' ? [] : attributes.xattrs,
  };
}

function typeOf({ stats }: TreeEntry): EntryType {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  return stats.isCharacterDevice() ? 'character' : 'block';
}
