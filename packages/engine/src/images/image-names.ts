import {
  formatPathName,
  formatReference,
  parsePathName,
  parseReference,
  type Reference,
  recordedReference,
  schemeOf,
} from '@slipway/oci';
import type { Resolver } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import type { ActiveStack } from '../stack.js';

/**
 * The name as it is recorded: a reference in full, or a scheme with what its resolver takes. What begins with a scheme is never a reference:
 * `oci:latest` is a folder, and the image of that name is `docker.io/library/oci:latest`. Errors: `invalid-argument`.
 */
export function fullName(parts: EngineParts, text: string): string {
  const found = schemeResolver(parts, text);
  if (found === undefined) return formatReference(parseReference(text));
  if (!found.takesPaths) return text;
  return `${found.scheme}:${formatPathName(parsePathName(text.slice(found.scheme.length + 1)))}`;
}

/** The reference that a full name is; undefined when another resolver than the stack's is to be asked for it. */
export function referenceOf(parts: EngineParts, name: string): Reference | undefined {
  return schemeResolver(parts, name) === undefined ? recordedReference(name) : undefined;
}

/** Whom to ask for a name, full or not: the resolver of its scheme, in whichever stack, or the stack's. */
export async function resolverFor(parts: EngineParts, stack: ActiveStack, name: string): Promise<Resolver> {
  const found = schemeResolver(parts, name);
  return found === undefined ? stack.resolver() : parts.resolvers.get(found.id);
}

/** Where else than under this name its content may be asked for: a tag that has moved since leads to the same repository. */
export function placeOf(parts: EngineParts, name: string): string {
  const reference = referenceOf(parts, name);
  return reference === undefined ? name : formatReference({ registry: reference.registry, repository: reference.repository });
}

interface SchemeResolver {
  readonly id: string;
  readonly scheme: string;
  /** A path follows its scheme, of which the absolute form is recorded. */
  readonly takesPaths: boolean;
}

/** Manifests say it, so that no resolver is loaded to find out. */
function schemeResolver({ resolvers }: EngineParts, name: string): SchemeResolver | undefined {
  const scheme = schemeOf(name);
  if (scheme === undefined) return undefined;
  for (const id of resolvers.ids) {
    const declares = resolvers.declares(id);
    const schemes = declares?.['schemes'];
    if (Array.isArray(schemes) && schemes.includes(scheme)) return { id, scheme, takesPaths: declares?.['names'] === 'paths' };
  }
  return undefined;
}
