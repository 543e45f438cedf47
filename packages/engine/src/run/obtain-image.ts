import { type CreateContainerOptions, type Descriptor, type Image, isKind } from '@slipway/plugin-api';
import { findImage } from '../images/describe.js';
import { resolverFor } from '../images/image-names.js';
import { checkPolicies, policySource } from '../policy/check.js';
import { type LoadedImage, loadImage } from '../pull/load-image.js';
import { pull } from '../pull/pull.js';
import type { EngineParts } from '../settings.js';
import type { ActiveStack } from '../stack.js';

export interface ObtainedImage {
  readonly name: string;
  readonly loaded: LoadedImage;
}

/** The image to run, pulled as the policy says. Those who decide what may run are asked about what is here, however it came. */
export async function obtainImage(
  parts: EngineParts,
  stack: ActiveStack,
  options: CreateContainerOptions,
): Promise<ObtainedImage> {
  const { target, ...obtained } = await obtain(parts, stack, options);
  const source = policySource(obtained.name, () => resolverFor(parts, stack, obtained.name));
  await checkPolicies(parts, { operation: 'run', name: obtained.name, target, source, signal: options.signal });
  return obtained;
}

interface Obtained extends ObtainedImage {
  readonly target: Descriptor;
}

/** `missing` pulls when the name, or its manifest for the platform, is not here. */
async function obtain(parts: EngineParts, stack: ActiveStack, options: CreateContainerOptions): Promise<Obtained> {
  const policy = options.pull ?? 'missing';
  if (policy === 'always') return load(parts, await pullFor(parts, stack, options), options);
  try {
    return await load(parts, findImage(parts, options.image).image, options);
  } catch (error) {
    if (policy === 'never' || !isKind(error, 'not-found')) throw error;
    return load(parts, await pullFor(parts, stack, options), options);
  }
}

async function pullFor(parts: EngineParts, stack: ActiveStack, options: CreateContainerOptions): Promise<Image> {
  return pull(parts, options.image, {
    stack: stack.name,
    platform: options.platform,
    signal: options.signal,
    onProgress: options.onProgress,
  });
}

async function load(parts: EngineParts, image: Image, options: CreateContainerOptions): Promise<Obtained> {
  return { name: image.name, target: image.target, loaded: await loadImage(parts.content, image.target, options.platform) };
}
