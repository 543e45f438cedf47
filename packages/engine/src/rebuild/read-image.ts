import { chainIds } from '@slipway/oci';
import { type ContentStore, type Descriptor, type Digest, isKind } from '@slipway/plugin-api';
import type { ChosenManifest } from '../pull/choose-manifest.js';
import { readManifestDocument, readRunnableConfig } from '../pull/document.js';
import type { LoadedImage } from '../pull/load-image.js';

export interface ReadImage {
  /** The platforms of it that are here with all that they need. */
  readonly loaded: readonly (LoadedImage & { readonly hasLayers: boolean })[];
  /** There is one, and no other is here by half. */
  readonly isWhole: boolean;
  /** What is here of it. */
  readonly found: readonly Digest[];
}

/** Deeper than a pull goes: whatever is here was brought in by one. */
const maxDepth = 8;

/**
 * Reads what a store has of an image by its documents alone.
 *
 * @param mayLackLayers they are discarded once they are unpacked, and fetched again when they are needed
 */
export async function readImage(
  store: ContentStore,
  present: ReadonlySet<Digest>,
  target: Descriptor,
  mayLackLayers: boolean,
): Promise<ReadImage> {
  const loaded: ReadImage['loaded'][number][] = [];
  const found = new Set<Digest>();
  let isWhole = true;
  await walk(target, []);
  return { loaded, isWhole: isWhole && loaded.length > 0, found: [...found] };

  async function walk(descriptor: Descriptor, path: ChosenManifest['path']): Promise<void> {
    if (!present.has(descriptor.digest) || path.length > maxDepth) return;
    found.add(descriptor.digest);
    try {
      const document = await readManifestDocument(store, descriptor);
      if (document.kind === 'index') {
        for (const [position, child] of document.index.manifests.entries())
          await walk(child, [...path, { index: descriptor, position, child }]);
        return;
      }
      const { manifest } = document;
      const layers = manifest.layers.map(({ digest }) => digest);
      for (const digest of [manifest.config.digest, ...layers]) if (present.has(digest)) found.add(digest);
      const hasLayers = layers.every((digest) => present.has(digest));
      if (!present.has(manifest.config.digest) || !(hasLayers || mayLackLayers)) {
        isWhole = false;
        return;
      }
      const config = await readRunnableConfig(store, manifest);
      loaded.push({ descriptor, manifest, path, config, chain: chainIds(config.rootfs.diff_ids), hasLayers });
    } catch (error) {
      // No document after all, or one of another program's: an attestation beside an image is one, and was never pulled as an image.
      if (!isKind(error, 'invalid-argument', 'failed-precondition', 'resource-exhausted', 'unimplemented')) throw error;
    }
  }
}
