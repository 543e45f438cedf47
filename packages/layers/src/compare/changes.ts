import type { ByteString } from '../bytes.js';
import { treeChanged } from './changed.js';
import { decideLinks } from './links.js';
import { inodeKey, isLeaf, type TreeEntry } from './merged-tree.js';
import { isSame } from './same.js';
import { type Pair, type WalkOptions, walkTrees } from './walk.js';

/** One thing that the layer has to say. `isNew`: the lower tree has nothing under that path. */
export type Change =
  | { readonly type: 'remove'; readonly path: ByteString }
  | { readonly type: 'write'; readonly path: ByteString; readonly entry: TreeEntry; readonly isNew: boolean }
  | {
      readonly type: 'link';
      readonly path: ByteString;
      readonly entry: TreeEntry;
      readonly isNew: boolean;
      readonly target: ByteString;
    };

/** What makes the lower tree the upper one, in the order of a walk; before each change the directories on its way, each once. */
export function* findChanges(options: WalkOptions): Generator<Change> {
  const { access, checkpoint } = options;
  const links = decideLinks(walkTrees(options), access, checkpoint);
  if (links.needsWholeWalk && options.onTop !== undefined) {
    yield* findChanges({ ...options, onTop: undefined });
    return;
  }
  // Weak: of the walk nothing stays but the way to where it is, however many directories were listed.
  const listed = new WeakSet<Pair>();
  /** Inodes of the names that others are written as links to. */
  const written = new Map<ByteString, string>();
  for (const pair of walkTrees(options)) {
    const change = changeOf(pair);
    if (!change) continue;
    for (const parent of parentsOf(pair)) {
      if (listed.has(parent) || !parent.upper) continue;
      listed.add(parent);
      yield { type: 'write', path: parent.path, entry: parent.upper, isNew: !parent.lower };
    }
    if (pair.upper?.stats.isDirectory()) listed.add(pair);
    yield change;
  }

  function changeOf({ path, lower, upper, parent }: Pair): Change | undefined {
    if (!upper) return parent && { type: 'remove', path };
    const isNew = !lower;
    const isLinked = isLeaf(upper) && (upper.stats.nlink > 1n || (isLeaf(lower) && lower.stats.nlink > 1n));
    if (!isLinked)
      return lower && isSame(access, lower, upper, path, checkpoint) ? undefined : { type: 'write', path, entry: upper, isNew };
    const linked = links.byPath.get(path);
    if (!linked) throw treeChanged(path);
    if (linked.action === 'keep') return undefined;
    if (linked.action === 'link') {
      if (written.get(linked.target) !== inodeKey(upper.stats)) throw treeChanged(path);
      return { type: 'link', path, entry: upper, isNew, target: linked.target };
    }
    written.set(path, inodeKey(upper.stats));
    return { type: 'write', path, entry: upper, isNew };
  }
}

/** From the root down. */
function parentsOf(pair: Pair): Pair[] {
  const parents: Pair[] = [];
  for (let at = pair.parent; at; at = at.parent) parents.push(at);
  return parents.reverse();
}
