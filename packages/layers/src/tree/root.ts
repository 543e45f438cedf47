import { lstatSync, readdirSync } from 'node:fs';
import type { LinuxSystem } from '@slipway/linux';
import type { LayerTarget, LayerTree } from '@slipway/plugin-api';
import { fromText, quote } from '../bytes.js';
import { layerError } from '../errors.js';
import { type Attributes, attributesOf, unlistedDirectory } from './attributes.js';
import { type BaseDirectory, baseNames, lookUpBase } from './base.js';
import { DirectoryHandle, type HandleTable } from './handle.js';
import { DirectoryNode } from './node.js';
import { readXattrs } from './xattrs.js';

export function directoryForm(tree: LayerTree): 'overlay' | 'directory' {
  if (tree.format === 'erofs')
    throw layerError(
      'LAYER_FORMAT_UNSUPPORTED',
      `apply layer to ${quote(fromText(tree.path))}: it is an EROFS image, not a directory`,
    );
  return tree.format;
}

/** The root of the target, with what the trees below make it. */
export function openRoot(
  target: LayerTarget,
  form: 'overlay' | 'directory',
  handles: HandleTable,
  system: LinuxSystem,
): DirectoryNode {
  const handle = new DirectoryHandle(undefined, fromText(target.path));
  const content = readdirSync(handles.path(handle, '.'));
  if (form === 'overlay' && content.length > 0)
    throw layerError('LAYER_TARGET_INVALID', `apply layer to ${quote(handle.name)}: the directory is not empty`, {
      hint: 'prepare a new snapshot for each layer',
    });
  const base = form === 'directory' ? [{ handle, form }] : baseRoots(target.lower);
  const below = base[0]?.handle ?? handle;
  const copyFrom = below === handle ? undefined : { at: below, name: '.' };
  const root = new DirectoryNode(undefined, '', handle, base, rootAttributes(system, handles, below, base), copyFrom);
  root.made = true;
  return root;
}

/** The roots of trees, topmost first. */
export function baseRoots(trees: readonly LayerTree[]): readonly BaseDirectory[] {
  return trees.map((tree) => ({ handle: new DirectoryHandle(undefined, fromText(tree.path)), form: directoryForm(tree) }));
}

/** Those of the directory `at`, the root of the merged trees `base`. */
export function rootAttributes(
  system: LinuxSystem,
  handles: HandleTable,
  at: DirectoryHandle,
  base: readonly BaseDirectory[],
): Attributes {
  const path = handles.path(at, '.');
  const found = attributesOf(lstatSync(path, { bigint: true }), readXattrs(system, path));
  // Of a tree that is empty so far the time would only tell when the snapshot was made.
  const isEmpty = !baseNames(handles, base)
    .values()
    .some((name) => lookUpBase(system, handles, base, name) !== undefined);
  const { mtimeSeconds, mtimeNanoseconds } = unlistedDirectory;
  return isEmpty ? { ...found, mtimeSeconds, mtimeNanoseconds } : found;
}
