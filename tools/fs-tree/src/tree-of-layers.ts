import { readFileSync } from 'node:fs';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { byteOrder, escapeBytes, octal, sha256, type TreeEntry, withHardLinks } from './entry.ts';
import { add, type Directory, directory, isDirectory, type Leaf, type Node } from './model.ts';
import { components, resolveDirectory } from './model-paths.ts';
import { applyMarker, isMarker } from './model-whiteouts.ts';
import { readTar, type TarMember } from './tar.ts';

/** A layer: its bytes or the path of a file with them; plain, gzip and zstd are told apart by their first bytes. */
export type LayerSource = Buffer | string;

/**
 * The tree that these layers, lowest first, must give by the OCI layer specification: an expectation that tests hold against what an
 * implementation made. A model in memory, written for clearness alone; every layer is held whole.
 */
export function treeOfLayers(layers: readonly LayerSource[]): TreeEntry[] {
  const root = directory(0o755, 0, 0, null);
  for (const [index, source] of layers.entries()) applyLayer(root, readTar(plainBytes(source)), index);
  const found: [string, TreeEntry, Node][] = [];
  const walk = (node: Node, path: string): void => {
    found.push([path, entryOf(node, path), node]);
    if (isDirectory(node)) for (const [name, child] of node.children) walk(child, `${path}/${name}`);
  };
  walk(root, '');
  found.sort(([a], [b]) => byteOrder(a, b));
  return withHardLinks(found.map(([, entry, node]) => [entry, node] as const));
}

function plainBytes(source: LayerSource): Buffer {
  const bytes = typeof source === 'string' ? readFileSync(source) : source;
  if (bytes.length >= 4 && bytes.readUInt32LE(0) === 0xfd2fb528) return zstdDecompressSync(bytes);
  return bytes.length >= 2 && bytes.readUInt16BE(0) === 0x1f8b ? gunzipSync(bytes) : bytes;
}

function applyLayer(root: Directory, members: readonly TarMember[], layer: number): void {
  // Nothing says whether an empty tree is as a layer left it or was made a moment ago.
  if (root.children.size === 0) root.mtimeNs = null;
  for (const member of members) {
    const path = components(member.name);
    if (path.slice(0, -1).some(isMarker)) continue;
    try {
      if (isMarker(path.at(-1) ?? '')) applyMarker(root, path, layer);
      else applyMember(root, member, path, layer);
    } catch (error) {
      throw new Error(`layer ${layer}, entry ${JSON.stringify(member.name)}: ${(error as Error).message}`, { cause: error });
    }
  }
}

function applyMember(root: Directory, member: TarMember, path: readonly string[], layer: number): void {
  const name = path.at(-1);
  if (name === undefined || name === '..') {
    if (member.typeflag !== '5') throw new Error('it can only be a directory');
    const place = resolveDirectory(root, path, layer);
    const above = place?.above.at(-1);
    if (place) Object.assign(place.directory, attributesOf(member));
    if (above) above.directory.addedBy.set(above.name, layer);
    return;
  }
  if (member.typeflag === '1') {
    addLink(root, member, path, layer);
    return;
  }
  const parent = parentOf(root, path, layer);
  const existing = parent.children.get(name);
  if (member.typeflag === '5') {
    const listed = existing && isDirectory(existing) ? existing : directory(0, 0, 0, null);
    add(parent, name, Object.assign(listed, attributesOf(member)), layer);
  } else add(parent, name, leafOf(member, layer), layer);
}

function parentOf(root: Directory, path: readonly string[], layer: number): Directory {
  const place = resolveDirectory(root, path.slice(0, -1), layer);
  if (!place) throw new Error('has no parent');
  return place.directory;
}

/**
 * A hard link joins the node of its target. A file of a lower layer is copied up first, which takes it out of the group that it had below:
 * overlayfs can do nothing else, and the tree must be the same on every snapshotter. The target has to be there still when the link is.
 */
function addLink(root: Directory, member: TarMember, path: readonly string[], layer: number): void {
  const target = components(member.linkname);
  const what = `its hard-link target ${JSON.stringify(member.linkname)}`;
  const targetParent = resolveDirectory(root, target.slice(0, -1))?.directory;
  const targetName = target.at(-1) ?? '..';
  const found = targetParent?.children.get(targetName);
  if (targetName === '..' || (found && isDirectory(found))) throw new Error(`${what} is a directory`);
  if (!targetParent || !found) throw new Error(`${what} is missing`);
  const node = found.layer === layer ? found : { ...found, layer };
  targetParent.children.set(targetName, node);
  const parent = parentOf(root, path, layer);
  const name = path.at(-1) ?? '';
  if (parent === targetParent && name === targetName) throw new Error(`${what} is itself`);
  add(parent, name, node, layer);
  if (!holds(root, targetParent) || targetParent.children.get(targetName) !== node) throw new Error(`${what} is replaced`);
}

function holds(tree: Directory, sought: Directory): boolean {
  return tree === sought || [...tree.children.values()].some((child) => isDirectory(child) && holds(child, sought));
}

const leafTypes: Readonly<Record<string, Leaf['type']>> = { '0': 'f', '7': 'f', '2': 'l', '3': 'c', '4': 'b', '6': 'p' };

function leafOf(member: TarMember, layer: number): Leaf {
  const type = leafTypes[member.typeflag];
  if (type === undefined) throw new Error(`its type ${JSON.stringify(member.typeflag)} is unknown`);
  if (type === 'c' && member.device === '0:0') throw new Error('a character device 0:0 is how overlayfs writes a whiteout');
  return {
    type,
    layer,
    ...attributesOf(member),
    ...(type === 'f' ? { size: member.body.length, sha256: sha256(member.body) } : {}),
    ...(type === 'l' ? { mode: 0o777, link: member.linkname } : {}),
    ...(type === 'c' || type === 'b' ? { device: member.device } : {}),
  };
}

function attributesOf(member: TarMember): Pick<Node, 'mode' | 'uid' | 'gid' | 'mtimeNs' | 'xattrs'> {
  const xattrs = Object.entries(member.xattrs)
    .filter(([name]) => !name.startsWith('trusted.overlay.'))
    .sort(([a], [b]) => byteOrder(a, b));
  return {
    mode: member.mode & 0o7777,
    uid: member.uid,
    gid: member.gid,
    mtimeNs: member.mtimeNs,
    xattrs: Object.fromEntries(xattrs),
  };
}

function entryOf(node: Node, path: string): TreeEntry {
  return {
    path: path === '' ? '/' : escapeBytes(Buffer.from(path, 'latin1')),
    type: node.type,
    mode: octal(node.mode),
    uid: node.uid,
    gid: node.gid,
    mtimeNs: node.mtimeNs === null ? null : String(node.mtimeNs),
    ...(node.type === 'd' ? {} : contentOf(node)),
    ...(Object.keys(node.xattrs).length > 0 ? { xattrs: node.xattrs } : {}),
  };
}

function contentOf(leaf: Leaf): Partial<TreeEntry> {
  if (leaf.type === 'f') return { size: leaf.size, sha256: leaf.sha256 };
  if (leaf.type === 'l') return { link: escapeBytes(Buffer.from(leaf.link ?? '', 'latin1')) };
  return leaf.device === undefined ? {} : { device: leaf.device };
}
