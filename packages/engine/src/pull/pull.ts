import { type Descriptor, type Image, type PullOptions, type Resolver, step } from '@slipway/plugin-api';
import { findByName } from '../images/describe.js';
import { fullName, referenceOf, resolverFor } from '../images/image-names.js';
import { checkPolicies, policySource } from '../policy/check.js';
import type { EngineParts } from '../settings.js';
import { activeStack } from '../stack.js';
import { isComplete } from './present.js';

/**
 * pull(name): resolve the name to a descriptor; fetch index, manifest, config and layers, each verified before it is
 * visible under its digest; unpack the layers as they arrive; record the name last. Before anything is stored, policies are asked.
 */
export async function pull(parts: EngineParts, name: string, options: PullOptions): Promise<Image> {
  const full = fullName(parts, name);
  const stack = activeStack(parts, options.stack);

  const resolver = await resolverFor(parts, stack, full);
  const target = await resolve(resolver, full, options);
  const source = policySource(full, async () => resolver);
  await checkPolicies(parts, { operation: 'pull', name: full, target, source, signal: options.signal });
  if (await isComplete(parts, stack, full, target, options.platform)) {
    const present = findByName(parts, full);
    // Otherwise it was removed in this moment, and is to be brought in again.
    if (present !== undefined) return present;
  }
  // To find that all is here is what most pulls do, and needs little of the code.
  const { bringIn } = await import('./bring-in.js');
  const image = { name: full, target, fetcher: resolver.fetcher(full), origin: referenceOf(parts, full) };
  return bringIn(parts, stack, image, options);
}

async function resolve(resolver: Resolver, name: string, options: PullOptions): Promise<Descriptor> {
  options.onProgress?.({ type: 'resolving', name });
  const { descriptor } = await resolver.resolve(name, { signal: options.signal });
  options.onProgress?.({ type: 'resolved', name, descriptor });
  step('pull.resolved', { name, digest: descriptor.digest });
  return descriptor;
}
