import { chainIds } from '@slipway/oci';
import type { ContentStore, Descriptor, Digest, ImageConfig, Platform } from '@slipway/plugin-api';
import { checkPlatform, platformOf } from './check-platform.js';
import { type ChosenManifest, chooseManifest } from './choose-manifest.js';
import { readManifestDocument, readRunnableConfig } from './document.js';

export interface LoadedImage extends ChosenManifest {
  readonly config: ImageConfig;
  /** Bottom layer first. */
  readonly chain: readonly Digest[];
}

/** Reads an image from the content store alone. Errors: `not-found` when that platform of it was never brought in. */
export async function loadImage(content: ContentStore, target: Descriptor, platform: Platform | undefined): Promise<LoadedImage> {
  const chosen = await chooseManifest(target, platform, {
    load: (descriptor) => readManifestDocument(content, descriptor),
    platformOf: async (manifest) => platformOf(await readRunnableConfig(content, manifest)),
  });
  const config = await readRunnableConfig(content, chosen.manifest);
  checkPlatform(chosen.descriptor, config, platform);
  return { ...chosen, config, chain: chainIds(config.rootfs.diff_ids) };
}
