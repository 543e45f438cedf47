import { type Image, isKind, type RunOptions } from '@slipway/plugin-api';
import { findImage } from '../images/describe.js';
import { type LoadedImage, loadImage } from '../pull/load-image.js';
import { pull } from '../pull/pull.js';
import type { EngineParts } from '../settings.js';
import type { ActiveStack } from '../stack.js';

export interface ObtainedImage {
  readonly name: string;
  readonly loaded: LoadedImage;
}

/** The image to run, pulled as the policy says: `missing` pulls when the name, or its manifest for the platform, is not here. */
export async function obtainImage(parts: EngineParts, stack: ActiveStack, options: RunOptions): Promise<ObtainedImage> {
  const policy = options.pull ?? 'missing';
  if (policy === 'always') return load(parts, await pullFor(parts, stack, options), options);
  try {
    return await load(parts, findImage(parts, options.image).image, options);
  } catch (error) {
    if (policy === 'never' || !isKind(error, 'not-found')) throw error;
    return load(parts, await pullFor(parts, stack, options), options);
  }
}

async function pullFor(parts: EngineParts, stack: ActiveStack, options: RunOptions): Promise<Image> {
  return pull(parts, options.image, {
    stack: stack.name,
    platform: options.platform,
    signal: options.signal,
    onProgress: options.onProgress,
  });
}

async function load(parts: EngineParts, image: Image, options: RunOptions): Promise<ObtainedImage> {
  return { name: image.name, loaded: await loadImage(parts.content, image.target, options.platform) };
}
