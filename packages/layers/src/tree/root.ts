import { readdirSync } from 'node:fs';
import type { LayerTarget, LayerTree } from '@slipway/plugin-api';
import { fromText, quote } from '../bytes.js';
import { layerError } from '../errors.js';
import { type Attributes, attributesOf, unlistedDirectory } from './attributes.js';
import { type BaseDirectory, baseNames, lookUpBase } from './base.js';
import { type FolderAccess, type FolderForm, FolderPart } from './folder-part.js';
import { DirectoryHandle } from './handle.js';
import { DirectoryNode } from './node.js';

/** The root of a target that is a directory, with what the trees below make it. */
export function openRoot(
  target: LayerTarget,
  form: FolderForm,
  below: readonly BaseDirectory[],
  access: FolderAccess,
): DirectoryNode {
  const handle = new DirectoryHandle(undefined, fromText(target.path));
  const own = new FolderPart(access, handle, form);
  if (form === 'overlay' && readdirSync(access.handles.path(handle, '.')).length > 0)
    throw layerError('LAYER_TARGET_INVALID', `apply layer to ${quote(handle.name)}: the directory is not empty`, {
      hint: 'prepare a new snapshot for each layer',
    });
  const base = form === 'directory' ? [own] : below;
  const top = base[0] ?? own;
  const copyFrom = top === own ? undefined : { at: top, name: '.' };
  const root = new DirectoryNode(undefined, '', base, rootAttributes(top, base), copyFrom, handle);
  root.made = true;
  return root;
}

/** The root of a tree that is a directory. */
export function openFolder(tree: LayerTree, form: FolderForm, access: FolderAccess): FolderPart {
  return new FolderPart(access, new DirectoryHandle(undefined, fromText(tree.path)), form);
}

/** Those of the directory `at`, the root of the merged trees `base`. */
export function rootAttributes(at: BaseDirectory, base: readonly BaseDirectory[]): Attributes {
  const stats = at.lookUp('.');
  const found = stats ? attributesOf(stats, at.readXattrs('.')) : unlistedDirectory;
  // Of a tree that is empty so far the time would only tell when the snapshot was made.
  const isEmpty = !baseNames(base)
    .values()
    .some((name) => lookUpBase(base, name) !== undefined);
  const { mtimeSeconds, mtimeNanoseconds } = unlistedDirectory;
  return isEmpty ? { ...found, mtimeSeconds, mtimeNanoseconds } : found;
}
