import { type Directory, isDirectory, type Node } from './model.ts';
import { resolveParent } from './model-paths.ts';
import type { TarMember } from './tar.ts';

const PREFIX = '.wh.';
const META_PREFIX = '.wh..wh.';
const OPAQUE = '.wh..wh..opq';

interface NamedMember {
  readonly member: TarMember;
  readonly path: readonly string[];
}

export function isMarker(name: string): boolean {
  return name.startsWith(PREFIX);
}

/**
 * Hide what the layer's markers hide. All of them come before anything is added, because a marker speaks only of lower layers, wherever
 * in the archive it stands.
 */
export function applyWhiteouts(root: Directory, members: readonly NamedMember[]): void {
  const own = new Set(members.map(({ path }) => path.join('/')));
  for (const { member, path } of members) {
    const name = path.at(-1);
    if (name === undefined || !isMarker(name) || path.slice(0, -1).some(isMarker)) continue;
    if (name === OPAQUE) lowerParent(root, path, own)?.children.clear();
    else if (!name.startsWith(META_PREFIX)) {
      const hidden = name.slice(PREFIX.length);
      if (hidden === '' || hidden === '.' || hidden === '..')
        throw new Error(`${JSON.stringify(member.name)} is no valid whiteout`);
      lowerParent(root, path, own)?.children.delete(hidden);
    }
  }
}

/** The lower directory that a marker stands in; undefined when there is none, or when this layer puts something else in its place. */
function lowerParent(root: Directory, path: readonly string[], own: ReadonlySet<string>): Directory | undefined {
  let here: Node | undefined = root;
  for (const [index, part] of path.slice(0, -1).entries()) {
    if (!here || !isDirectory(here)) break;
    here = here.children.get(part);
    if (here && !isDirectory(here) && own.has(path.slice(0, index + 1).join('/'))) return undefined;
  }
  return resolveParent(root, path, { create: false });
}
