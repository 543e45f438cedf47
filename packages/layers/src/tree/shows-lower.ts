import type { LinuxSystem } from '@slipway/linux';
import type { LayerTree } from '@slipway/plugin-api';
import type { ByteString } from '../bytes.js';
import { type BaseDirectory, lookUpBase } from './base.js';
import { BaseTrees } from './base-trees.js';
import { HandleTable } from './handle.js';

/**
 * Whether anything of the lower trees can show in a directory of the topmost one, as long as that directory itself is not opaque:
 * where nothing can, an opaque mark on it says nothing.
 *
 * @param trees topmost first
 * @param path names from the root; the root of a layer is never opaque to overlayfs
 */
export function showsLower(system: LinuxSystem, trees: readonly LayerTree[], path: readonly ByteString[]): boolean {
  const name = path.at(-1);
  if (name === undefined) return false;
  using handles = new HandleTable();
  using base = new BaseTrees({ system, handles });
  let parts: readonly BaseDirectory[] = base.open(trees);
  const top = parts[0]?.form;
  for (const parent of path.slice(0, -1)) parts = lookUpBase(parts, parent)?.directories ?? [];
  return top === 'overlay' && (lookUpBase(parts.slice(1), name)?.directories.length ?? 0) > 0;
}
