import type { Descriptor, Digest } from '@slipway/plugin-api';
import type { Unpackable } from './walk-image.js';

/** A layer on the layers below it, which several images may share. */
export interface ImageLayer {
  readonly chainId: Digest;
  readonly parent: Digest | undefined;
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** The blob is not here. */
  readonly isAbsent: boolean;
  /** Names. */
  readonly images: ReadonlySet<string>;
}

/** By chain ID, parents before what is on them. */
export function imageLayers(images: readonly Unpackable[]): Map<Digest, ImageLayer> {
  const layers = new Map<Digest, ImageLayer>();
  for (const { image, loaded, absent } of images) {
    for (const [index, chainId] of loaded.chain.entries()) {
      const descriptor = loaded.manifest.layers[index];
      const diffId = loaded.config.rootfs.diff_ids[index];
      if (descriptor === undefined || diffId === undefined) continue;
      const users = new Set([...(layers.get(chainId)?.images ?? []), image]);
      const isAbsent = absent.has(descriptor.digest);
      layers.set(chainId, { chainId, parent: loaded.chain[index - 1], descriptor, diffId, isAbsent, images: users });
    }
  }
  return layers;
}
