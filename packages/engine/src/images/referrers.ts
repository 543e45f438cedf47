import type { Descriptor, ReferrersOfImageOptions, Resolver } from '@slipway/plugin-api';
import { isKind, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { activeStack } from '../stack.js';
import { findImage } from './describe.js';
import { fullName, resolverFor } from './image-names.js';

/** Of an image that is here: of what it is here, asked of where its name leads. Of another: of what the name means there now. */
export async function listReferrers(
  parts: EngineParts,
  name: string,
  { stack, artifactType, signal }: ReferrersOfImageOptions,
): Promise<readonly Descriptor[]> {
  const here = imageHere(parts, name);
  const full = here?.name ?? fullName(parts, name);
  const resolver = await resolverFor(parts, activeStack(parts, stack), full);
  const subject = here?.target ?? (await resolver.resolve(full, { signal })).descriptor;
  return referrersOf(resolver, full, subject.digest, { artifactType, signal });
}

/** Errors: `unimplemented` where the resolver knows none. */
export async function referrersOf(
  resolver: Resolver,
  name: string,
  subject: Descriptor['digest'],
  options: Pick<ReferrersOfImageOptions, 'artifactType' | 'signal'>,
): Promise<readonly Descriptor[]> {
  if (resolver.referrers !== undefined) return resolver.referrers(name, subject, options);
  throw new SlipwayError({
    kind: 'unimplemented',
    code: 'RESOLVER_WITHOUT_REFERRERS',
    message: `what refers to ${JSON.stringify(name)} cannot be listed: the resolver of that name does not know it`,
    hint: 'ask for the image by its name in a registry',
  });
}

function imageHere(parts: EngineParts, name: string): { readonly name: string; readonly target: Descriptor } | undefined {
  try {
    return findImage(parts, name).image;
  } catch (error) {
    if (isKind(error, 'not-found')) return undefined;
    throw error;
  }
}
