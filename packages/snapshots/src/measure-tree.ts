import { lstatSync } from 'node:fs';
import type { SnapshotUsage } from '@slipway/plugin-api';
import { Directory } from './tree-walk.js';

/** Allocated bytes and inodes of a directory with everything in it. A file with several links counts once. */
export function measureTree(path: string): SnapshotUsage {
  const seen = new Set<string>();
  const sum = { bytes: 0, inodes: 0 };
  const measure = (entry: string | Buffer): void => {
    const stats = lstatSync(entry, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return;
    if (!stats.isDirectory() && stats.nlink > 1n) {
      const key = `${stats.dev}:${stats.ino}`;
      if (seen.has(key)) return;
      seen.add(key);
    }
    // st_blocks counts 512 bytes, whatever the file system's block size.
    sum.bytes += Number(stats.blocks) * 512;
    sum.inodes++;
    if (!stats.isDirectory()) return;
    using directory = new Directory(entry);
    for (const name of directory.names()) measure(directory.path(name));
  };
  measure(path);
  return sum;
}
