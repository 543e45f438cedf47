import type { Xattr } from '../tar/entry.js';
import type { EntryStats } from './base.js';

/** What a file system object carries beside its content. */
export interface Attributes {
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since 1970, rounded down, and nanoseconds after them. */
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly xattrs: readonly Xattr[];
}

/** Of a directory that no layer lists. The time is fixed so that the same layers make the same tree. */
export const unlistedDirectory: Attributes = {
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  mtimeNanoseconds: 0,
  xattrs: [],
};

const second = 1_000_000_000n;

export function attributesOf(stats: Pick<EntryStats, 'mode' | 'uid' | 'gid' | 'mtimeNs'>, xattrs: readonly Xattr[]): Attributes {
  const nanoseconds = ((stats.mtimeNs % second) + second) % second;
  return {
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeSeconds: Number((stats.mtimeNs - nanoseconds) / second),
    mtimeNanoseconds: Number(nanoseconds),
    xattrs,
  };
}

/** Of an entry, in an object of their own: its path and link target can be a thousand times longer. */
export function attributesOfEntry(entry: Attributes): Attributes {
  const { mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs } = entry;
  return { mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs };
}

export function mtimeNs(attributes: Pick<Attributes, 'mtimeSeconds' | 'mtimeNanoseconds'>): bigint {
  return BigInt(attributes.mtimeSeconds) * second + BigInt(attributes.mtimeNanoseconds);
}
