import type { ByteString } from '../bytes.js';
import { entryError } from '../errors.js';
import type { FolderPart } from '../tree/folder-part.js';
import { lookUp, type MergedNames, readNames, type TreeAccess, type TreeEntry } from './merged-tree.js';

/** A path that at least one of two trees has. A socket of the upper one counts as nothing, unless there was one before. */
export interface Pair {
  /** Of the root: empty. */
  readonly path: ByteString;
  readonly lower: TreeEntry | undefined;
  readonly upper: TreeEntry | undefined;
  readonly parent: Pair | undefined;
}

export interface WalkOptions {
  readonly access: TreeAccess;
  readonly lower: TreeEntry | undefined;
  readonly upper: TreeEntry | undefined;
  /**
   * How many trees of `upper` lie on top of the trees of `lower`, where those are all of its others: only what the former have can
   * differ, and nothing else is looked at. Undefined to look at everything.
   */
  readonly onTop: number | undefined;
  /** Components of a path, at most. */
  readonly depth: number;
  readonly checkpoint: () => void;
}

/** A directory that the walk is in. */
interface Frame {
  readonly pair: Pair;
  readonly depth: number;
  /** The upper directory's parts besides those that are the lower directory's; undefined when the two do not share all of those. */
  readonly own: readonly FolderPart[] | undefined;
  readonly lowerNames: MergedNames | undefined;
  readonly upperNames: MergedNames | undefined;
  /** Names to come, the next one last. */
  readonly pending: ByteString[];
}

/** All pairs, a directory before its content, names in the order of their bytes. What is below a directory that is gone is left out. */
export function* walkTrees(options: WalkOptions): Generator<Pair> {
  const { access, checkpoint } = options;
  const root: Pair = { path: '', lower: options.lower, upper: options.upper, parent: undefined };
  yield root;
  const own = options.onTop === undefined ? undefined : (options.upper?.directories.slice(0, options.onTop) ?? []);
  const frames: Frame[] = [openFrame(root, own, 1)];
  for (let frame = frames.at(-1); frame; frame = frames.at(-1)) {
    const name = frame.pending.pop();
    if (name === undefined) {
      closeFrame(access, frame);
      frames.pop();
      continue;
    }
    checkpoint();
    const pair = pairOf(frame, name);
    if (!pair.lower && !pair.upper) continue;
    if (frame.depth > options.depth)
      throw entryError('LAYER_TOO_LARGE', pair.path, `is deeper than the limit of ${options.depth} directories`);
    yield pair;
    if (!pair.upper?.stats.isDirectory()) continue;
    const ownParts = frame.own && ownPartsOf(pair, frame.own);
    if (ownParts?.length !== 0) frames.push(openFrame(pair, ownParts, frame.depth + 1));
  }
}

function openFrame(pair: Pair, own: Frame['own'], depth: number): Frame {
  if (own) {
    const pending = sorted(readNames(own).keys());
    return { pair, depth, own, lowerNames: undefined, upperNames: undefined, pending };
  }
  const lowerNames = readNames(pair.lower?.directories ?? []);
  const upperNames = readNames(pair.upper?.directories ?? []);
  const pending = sorted(new Set(lowerNames.keys()).union(upperNames));
  return { pair, depth, own, lowerNames, upperNames, pending };
}

/** From last to first. */
function sorted(names: Iterable<ByteString>): ByteString[] {
  return [...names].sort().reverse();
}

function closeFrame({ handles }: TreeAccess, { pair }: Frame): void {
  for (const entry of [pair.lower, pair.upper]) for (const { handle } of entry?.directories ?? []) handles.close(handle);
}

function pairOf(frame: Frame, name: ByteString): Pair {
  const { pair: parent, lowerNames, upperNames } = frame;
  const lower = lookUp(lowerNames ? lowerNames.get(name) : parent.lower?.directories, name);
  const found = lookUp(upperNames ? upperNames.get(name) : parent.upper?.directories, name);
  const upper = found?.stats.isSocket() ? (lower?.stats.isSocket() ? lower : undefined) : found;
  return { path: parent.path === '' ? name : `${parent.path}/${name}`, lower, upper, parent };
}

/**
 * The upper directory's parts that lie in one of the given parts of its parent, when the rest are all that the lower one has. An opaque
 * directory has no such rest: names of the lower one that nothing on top has are gone then.
 */
function ownPartsOf({ lower, upper }: Pair, above: readonly FolderPart[]): readonly FolderPart[] | undefined {
  const handles = new Set(above.map(({ handle }) => handle));
  const parts = upper?.directories ?? [];
  const own = parts.filter(({ handle }) => handle.parent && handles.has(handle.parent));
  return own.length + (lower?.directories.length ?? 0) === parts.length ? own : undefined;
}
