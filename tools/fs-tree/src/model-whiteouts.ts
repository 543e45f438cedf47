import { type Directory, directory, isDirectory } from './model.ts';
import { resolveDirectory } from './model-paths.ts';

const PREFIX = '.wh.';
const META_PREFIX = '.wh..wh.';
const OPAQUE = '.wh..wh..opq';

export function isMarker(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** Hides what lower layers have under the name that a marker gives, or all of a directory, and never what this layer itself has put there. */
export function applyMarker(root: Directory, path: readonly string[], layer: number): void {
  const name = path.at(-1) ?? '';
  if (name.startsWith(META_PREFIX) && name !== OPAQUE) return;
  const hidden = name.slice(PREFIX.length);
  if (hidden === '' || hidden === '.' || hidden === '..') throw new Error('is no valid whiteout');
  const parent = resolveDirectory(root, path.slice(0, -1))?.directory;
  if (!parent) return;
  if (name === OPAQUE) for (const child of [...parent.children.keys()]) hide(parent, child, layer);
  else hide(parent, hidden, layer);
}

function hide(parent: Directory, name: string, layer: number): void {
  const child = parent.children.get(name);
  if (!child) return;
  const isListed = parent.addedBy.get(name) === layer;
  if (!isDirectory(child)) {
    if (!isListed) parent.children.delete(name);
    return;
  }
  if (!isListed && !hasOwn(child, layer)) {
    parent.children.delete(name);
    return;
  }
  for (const below of [...child.children.keys()]) hide(child, below, layer);
  // What stays of it is a new directory, and only this layer can say what that is like.
  if (!isListed) Object.assign(child, { ...directory(0o755, 0, 0, null), children: child.children, addedBy: child.addedBy });
}

/** Whether the layer has put anything into the directory, at any depth. */
function hasOwn({ children, addedBy }: Directory, layer: number): boolean {
  return [...children].some(([name, child]) => addedBy.get(name) === layer || (isDirectory(child) && hasOwn(child, layer)));
}
