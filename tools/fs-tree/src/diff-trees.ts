import type { TreeEntry } from './entry.ts';

/** One thing in which two trees differ; `field` is `path` when only one of them has the path (the other side is then null). */
export interface TreeDifference {
  readonly path: string;
  readonly field: string;
  readonly a: unknown;
  readonly b: unknown;
}

/** Everything in which two lists differ; empty means the same tree. A time that is null on either side is not compared. */
export function diffTrees(a: readonly TreeEntry[], b: readonly TreeEntry[]): TreeDifference[] {
  const left = new Map(a.map((entry) => [entry.path, entry]));
  const right = new Map(b.map((entry) => [entry.path, entry]));
  const differences: TreeDifference[] = [];
  for (const [path, entry] of left) {
    const other = right.get(path);
    if (other) differences.push(...diffEntries(entry, other));
    else differences.push({ path, field: 'path', a: entry.type, b: null });
  }
  for (const [path, entry] of right) {
    if (!left.has(path)) differences.push({ path, field: 'path', a: null, b: entry.type });
  }
  return differences;
}

const fields = ['type', 'mode', 'uid', 'gid', 'mtimeNs', 'size', 'sha256', 'link', 'device', 'hardLinkOf'] as const;

function diffEntries(a: TreeEntry, b: TreeEntry): TreeDifference[] {
  const differences: TreeDifference[] = [];
  for (const field of fields) {
    const [x, y] = [a[field] ?? null, b[field] ?? null];
    if (x !== y && !(field === 'mtimeNs' && (x === null || y === null))) differences.push({ path: a.path, field, a: x, b: y });
  }
  for (const name of new Set([...Object.keys(a.xattrs ?? {}), ...Object.keys(b.xattrs ?? {})])) {
    const [x, y] = [a.xattrs?.[name] ?? null, b.xattrs?.[name] ?? null];
    if (x !== y) differences.push({ path: a.path, field: `xattr ${name}`, a: x, b: y });
  }
  return differences;
}
