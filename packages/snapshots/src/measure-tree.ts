import { type BigIntStats, lstatSync } from 'node:fs';
import { hasCode, type SnapshotUsage } from '@slipway/plugin-api';
import { Directory } from './tree-walk.js';

/**
 * Allocated bytes and inodes of a directory with everything in it. A file with several links counts once. What goes meanwhile, as in
 * the tree of a container that runs, is left out.
 */
export function measureTree(path: string): SnapshotUsage {
  using measure = new Measure();
  measure.run(path);
  return measure.sum;
}

/** A directory that the measure is in. */
interface Frame {
  readonly inode: string;
  readonly names: Buffer[];
  /** Undefined while it is closed. */
  directory: Directory | undefined;
}

/** Each takes a descriptor, and a container can make directories in directories without an end. */
const mostOpen = 64;

class Measure implements Disposable {
  readonly sum = { bytes: 0, inodes: 0 };
  readonly #linked = new Set<string>();
  readonly #frames: Frame[] = [];

  run(path: string): void {
    this.#enter(path);
    for (let frame = this.#frames.at(-1); frame; frame = this.#frames.at(-1)) {
      const name = frame.names.pop();
      if (name !== undefined && frame.directory !== undefined) this.#enter(frame.directory.path(name));
      else this.#leave(frame);
    }
  }

  [Symbol.dispose](): void {
    for (const { directory } of this.#frames) directory?.[Symbol.dispose]();
  }

  /** Counts what is there, and is in it afterwards when it is a directory. */
  #enter(path: string | Buffer): void {
    const stats = unlessGone(() => lstatSync(path, { bigint: true }));
    if (stats === undefined) return;
    if (!stats.isDirectory()) {
      if (stats.nlink > 1n && this.#linked.has(inodeOf(stats))) return;
      if (stats.nlink > 1n) this.#linked.add(inodeOf(stats));
      this.#count(stats);
      return;
    }
    this.#count(stats);
    const directory = unlessGone(() => new Directory(path));
    if (directory === undefined) return;
    try {
      this.#frames.push({ inode: inodeOf(directory.stats()), names: directory.names(), directory });
    } catch (error) {
      directory[Symbol.dispose]();
      throw error;
    }
    const far = this.#frames.at(-1 - mostOpen);
    far?.directory?.[Symbol.dispose]();
    if (far) far.directory = undefined;
  }

  #leave(frame: Frame): void {
    this.#frames.pop();
    const above = this.#frames.at(-1);
    if (above && above.directory === undefined && frame.directory !== undefined) {
      const directory = unlessGone(() => new Directory(frame.directory?.path(Buffer.from('..')) ?? ''));
      // Moved by a container, a directory could lead up and out of the tree. What is left there is not counted.
      if (directory && inodeOf(directory.stats()) === above.inode) above.directory = directory;
      else directory?.[Symbol.dispose]();
    }
    frame.directory?.[Symbol.dispose]();
  }

  #count({ blocks }: BigIntStats): void {
    // st_blocks counts 512 bytes, whatever the file system's block size.
    this.sum.bytes += Number(blocks) * 512;
    this.sum.inodes++;
  }
}

function inodeOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    // Gone, or something else by now.
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}
