import type { ImageDetails, Platform } from '@slipway/plugin-api';
import { platformOf } from '../pull/check-platform.js';
import { loadImage } from '../pull/load-image.js';
import type { EngineParts } from '../settings.js';
import { findImage } from './describe.js';

export async function inspectImage(parts: EngineParts, name: string, platform: Platform | undefined): Promise<ImageDetails> {
  const { image } = findImage(parts, name);
  const { descriptor, manifest, config, chain } = await loadImage(parts.content, image.target, platform);
  const chainId = chain.at(-1);
  return {
    ...image,
    platform: platformOf(config),
    manifestDigest: descriptor.digest,
    manifest,
    config,
    ...(chainId === undefined ? {} : { chainId }),
  };
}
