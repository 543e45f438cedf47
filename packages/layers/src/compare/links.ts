import type { ByteString } from '../bytes.js';
import { inodeKey, isLeaf, type TreeAccess } from './merged-tree.js';
import { isSame } from './same.js';
import type { Pair } from './walk.js';

/** What is to be said of a path of the upper tree that is, or was, one of several names of an inode. */
export type LinkedName =
  /** Nothing: the lower tree has it, and just these names of it. */
  | { readonly action: 'keep' }
  /** It stands for the inode, whose other names follow as links to it. */
  | { readonly action: 'write' }
  | { readonly action: 'link'; readonly target: ByteString };

export interface LinkedNames {
  readonly byPath: ReadonlyMap<ByteString, LinkedName>;
  /** Whether names that the walk left out could make a difference. */
  readonly needsWholeWalk: boolean;
}

interface Group {
  readonly paths: ByteString[];
  /** The one inode of the lower tree whose names all of these are, unchanged; undefined when that is not so. */
  lowerKey: string | undefined;
}

/**
 * Decides about hard links, which no path shows by itself. A group of names in the upper tree is left out when the lower tree has
 * all of them as names of one inode that is the same, and no group before it was left out for that inode; else it is
 * written whole, so that its names are one inode again wherever the layer is applied.
 */
export function decideLinks(pairs: Iterable<Pair>, access: TreeAccess, checkpoint: () => void): LinkedNames {
  const groups = new Map<string, Group>();
  /** Names in the lower tree that were seen, of those that its inodes have. */
  const lowerNames = new Map<string, { seen: number; readonly links: number }>();
  for (const { path, lower, upper } of pairs) {
    const wasLinked = isLeaf(lower) && lower.stats.nlink > 1n;
    const lowerKey = isLeaf(lower) ? inodeKey(lower.stats) : undefined;
    if (wasLinked && lowerKey !== undefined) {
      const names = lowerNames.get(lowerKey) ?? { seen: 0, links: Number(lower.stats.nlink) };
      names.seen++;
      lowerNames.set(lowerKey, names);
    }
    if (!isLeaf(upper) || (upper.stats.nlink === 1n && !wasLinked)) continue;
    const same = isLeaf(lower) && isSame(access, lower, upper, path, checkpoint) ? lowerKey : undefined;
    const group = groups.get(inodeKey(upper.stats));
    if (!group) groups.set(inodeKey(upper.stats), { paths: [path], lowerKey: same });
    else {
      group.paths.push(path);
      if (group.lowerKey !== same) group.lowerKey = undefined;
    }
  }
  const byPath = new Map<ByteString, LinkedName>();
  const kept = new Set<string>();
  let needsWholeWalk = false;
  for (const { paths, lowerKey } of groups.values()) {
    const isKept = lowerKey !== undefined && !kept.has(lowerKey);
    if (lowerKey !== undefined) {
      kept.add(lowerKey);
      const names = lowerNames.get(lowerKey);
      if (names && names.seen < names.links) needsWholeWalk = true;
    }
    const [first = ''] = paths;
    for (const path of paths)
      byPath.set(path, isKept ? { action: 'keep' } : path === first ? { action: 'write' } : { action: 'link', target: first });
  }
  return { byPath, needsWholeWalk };
}
