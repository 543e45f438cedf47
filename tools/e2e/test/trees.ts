import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ImageName, imageLayout, readImage } from '@slipway/fixtures';
import { diffTrees, listTree, type TreeDifference, type TreeEntry, treeOfLayers } from '@slipway/fs-tree';
import type { Engine } from 'slipway';

const expectations = new Map<ImageName, readonly TreeEntry[]>();

/** What the specification says the image's tree is. */
export function expectedTree(name: ImageName): readonly TreeEntry[] {
  const known = expectations.get(name) ?? treeOfLayers(readImage(imageLayout(name)).layers);
  expectations.set(name, known);
  return known;
}

/** The tree as the engine shows it; the mount is gone again afterwards. */
export async function mountedTree(engine: Engine, image: string, stack?: string): Promise<TreeEntry[]> {
  const directory = mkdtempSync(path.join(tmpdir(), 'slipway-e2e-mount-'));
  try {
    await engine.images.mount(image, directory, { stack });
    try {
      return listTree(directory);
    } finally {
      await engine.images.unmount(directory);
    }
  } finally {
    rmdirSync(directory);
  }
}

/** Every difference between what the engine shows and what the specification says. */
export async function wrongPaths(engine: Engine, image: string, name: ImageName, stack?: string): Promise<TreeDifference[]> {
  return diffTrees(await mountedTree(engine, image, stack), expectedTree(name));
}
