import { formatPathName, formatReference, parseDigest, parsePathName, schemeOf } from '@slipway/oci';
import { type Descriptor, type Digest, isKind, type Resolver } from '@slipway/plugin-api';
import { semaphore } from '../../locks/index.js';
import type { EngineParts } from '../../settings.js';
import { referenceOf } from '../image-names.js';

/** What cosign tags beside an image where it does not use referrers: signatures, attestations, SBOMs. */
const kinds = ['sig', 'att', 'sbom'] as const;
const concurrentQuestions = 3;

export interface TaggedSignature {
  /** `sha256-<hex>.sig`. */
  readonly tag: string;
  readonly target: Descriptor;
}

/** Those that are there, of any of these manifests. */
export async function findSignatureTags(
  parts: EngineParts,
  resolver: Resolver,
  name: string,
  manifests: readonly Digest[],
  signal: AbortSignal | undefined,
): Promise<TaggedSignature[]> {
  const slots = semaphore(concurrentQuestions);
  const asked = manifests.flatMap(tagsOf).map(async (tag): Promise<TaggedSignature[]> => {
    const beside = nameBeside(parts, name, tag);
    if (beside === undefined) return [];
    using _slot = await slots.take();
    try {
      return [{ tag, target: (await resolver.resolve(beside, { signal })).descriptor }];
    } catch (error) {
      if (isKind(error, 'not-found')) return [];
      throw error;
    }
  });
  return (await Promise.all(asked)).flat();
}

/** Another name of the same repository, archive or folder; undefined where there is no such thing. */
export function nameBeside(parts: EngineParts, name: string, tag: string): string | undefined {
  const reference = referenceOf(parts, name);
  if (reference !== undefined) return formatReference({ registry: reference.registry, repository: reference.repository, tag });
  const scheme = schemeOf(name);
  // A file of `docker save` knows images by their names, and nothing of signatures.
  if (scheme !== 'oci' && scheme !== 'oci-archive') return undefined;
  const { path } = parsePathName(name.slice(scheme.length + 1));
  return `${scheme}:${formatPathName({ path, reference: tag })}`;
}

/** A tag has no room for a longer digest than of SHA-256. */
function tagsOf(digest: Digest): string[] {
  const { algorithm, encoded } = parseDigest(digest);
  return algorithm === 'sha256' ? kinds.map((kind) => `${algorithm}-${encoded}.${kind}`) : [];
}
