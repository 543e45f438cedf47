import assert from 'node:assert/strict';
import { closeSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import type { Mount, Snapshotter } from '@slipway/plugin-api';

/** Calls `look` with a path under which the mounts' tree is seen, by this process only. */
export function inTree<R>(mounts: readonly Mount[], look: (path: string) => R): R {
  const fd = linux.mountDetached(mounts);
  try {
    return look(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

/** Calls `look` with the directory that what is written into the mounts' tree goes to, in overlay's form. */
export function inChanges<R>(mounts: readonly Mount[], look: (path: string) => R): R {
  const [mount] = mounts;
  if (mount?.kind === 'bind') return look(mount.source);
  assert.ok(mount?.kind === 'overlay' || mount?.kind === 'layers', `mounts of kind "${mount?.kind}" are not known`);
  const { upper } = mount;
  assert.ok(upper !== undefined, 'there is no upper directory');
  if (typeof upper === 'string') return look(upper);
  if (upper.kind === 'directories') return look(upper.upper);
  const fd = linux.mountUpper(upper);
  try {
    return look(`/proc/self/fd/${fd}/upper`);
  } finally {
    closeSync(fd);
  }
}

/** Makes the committed snapshot `name` on `parent`, changed by `change`. */
export async function commitLayer(
  snapshotter: Snapshotter,
  name: string,
  parent: string | undefined,
  change: (path: string) => void,
): Promise<void> {
  inTree(await snapshotter.prepare(`make ${name}`, parent), change);
  await snapshotter.commit(name, `make ${name}`);
}

/** The tree of a committed snapshot, by {@link readTree}. */
export async function committedTree(snapshotter: Snapshotter, name: string): Promise<Record<string, string>> {
  const key = `look at ${name}`;
  const mounts = await snapshotter.view(key, name);
  try {
    return inTree(mounts, readTree);
  } finally {
    await snapshotter.remove(key);
  }
}

/** Everything below `path`, one line for each file: type and mode, owner, link target or content. The root is ".". */
export function readTree(path: string): Record<string, string> {
  const tree: Record<string, string> = {};
  const read = (name: string): void => {
    const file = join(path, name);
    const stats = lstatSync(name === '.' ? `${path}/.` : file);
    const line = `${stats.mode.toString(8)} ${stats.uid}:${stats.gid}`;
    if (stats.isSymbolicLink()) tree[name] = `${line} -> ${readlinkSync(file)}`;
    else if (stats.isFile()) tree[name] = `${line} ${readFileSync(file, 'utf8')}`;
    else tree[name] = line;
    if (!stats.isDirectory()) return;
    for (const child of readdirSync(`${file}/`)) read(name === '.' ? child : join(name, child));
  };
  read('.');
  return tree;
}

/** Names of everything below a folder. No link is followed, and no file is read: one may be as big as a disk. */
export function namesBelow(folder: string): string[] {
  return ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()];
}
