import { type Descriptor, type Digest, isKind, type LayerNode } from '@slipway/plugin-api';
import { contentTable } from '../metadata/content.js';
import { imagesTable } from '../metadata/images.js';
import { rowName, rowPrefix } from '../metadata/rows.js';
import { type ReadImage, readImage } from '../rebuild/read-image.js';
import type { EngineParts } from '../settings.js';

interface Node {
  readonly chainId: Digest;
  size?: number;
  readonly names: string[];
  readonly children: Node[];
}

/** From every image that is here, for whichever platforms, by what its documents say: whether its layers are unpacked does not matter. */
export async function layerTree({ metadata, content, log }: EngineParts): Promise<readonly LayerNode[]> {
  const { images, sizes } = metadata.read((tx) => ({
    images: [...tx.entries(imagesTable, { prefix: rowPrefix })].map(([key, row]) => ({ name: rowName(key), ...row })),
    sizes: new Map(
      [...tx.entries(contentTable, { prefix: rowPrefix })].flatMap(([key, { size, deletedBy }]) =>
        deletedBy === undefined ? [[rowName(key), size] as const] : [],
      ),
    ),
  }));
  const roots: Node[] = [];
  const nodes = new Map<Digest, Node>();
  const present = new Set(sizes.keys());
  for (const { name, target } of images) {
    for (const { chain, manifest } of await platformsOf(name, target)) {
      let below = roots;
      for (const [position, chainId] of chain.entries()) {
        const node = nodes.get(chainId) ?? { chainId, names: [], children: [] };
        if (!nodes.has(chainId)) below.push(node);
        nodes.set(chainId, node);
        // The same layer may be here in one compression and not in another.
        const size = sizes.get(manifest.layers[position]?.digest ?? '');
        if (size !== undefined) node.size ??= size;
        below = node.children;
      }
      const top = nodes.get(chain.at(-1) ?? '');
      if (top !== undefined && !top.names.includes(name)) top.names.push(name);
    }
  }
  return roots;

  async function platformsOf(name: string, target: Descriptor): Promise<ReadImage['loaded']> {
    try {
      return (await readImage(content, present, target, true)).loaded;
    } catch (error) {
      // One that is damaged, or removed in this moment, does not hide the others.
      if (!isKind(error, 'data-loss', 'not-found')) throw error;
      log.warn(`image "${name}" is left out: ${error instanceof Error ? error.message : ''}`);
      return [];
    }
  }
}
