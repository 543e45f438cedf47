import {
  compatiblePlatforms,
  formatPlatform,
  hostPlatform,
  type ManifestDocument,
  neutralize,
  normalizePlatform,
  selectManifests,
} from '@slipway/oci';
import {
  type Descriptor,
  type ImageIndex,
  type ImageManifest,
  isKind,
  isSlipwayError,
  type Platform,
  SlipwayError,
} from '@slipway/plugin-api';
import { brokenImageHint } from './broken-image.js';

/** An index may point to an index (OCI image-spec, image-index.md); deeper than this is an attack or a mistake. */
const maxDepth = 4;
/** Documents that are read to find a platform. */
const maxDocuments = 64;

export interface ChosenManifest {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  /** The indexes on the way, outermost first, and which of their entries was taken. */
  readonly path: readonly { readonly index: Descriptor; readonly position: number; readonly child: Descriptor }[];
}

export interface ManifestSource {
  /** Brings in a document: from the registry and the store during a pull, from the store alone later. */
  load(descriptor: Descriptor): Promise<ManifestDocument>;
  /** What the config of a manifest says that it is for. Errors: `failed-precondition` with `IMAGE_IS_ARTIFACT`. */
  platformOf(manifest: ImageManifest): Promise<Platform>;
}

/**
 * From what a name means to the manifest of a platform: the best match of each index, then what does not say what it is for (an index, or a
 * manifest, whose config says it), in order. Errors: `not-found` with `PLATFORM_NOT_FOUND`; `invalid-argument` with `INDEX_TOO_DEEP`.
 */
export async function chooseManifest(
  target: Descriptor,
  platform: Platform | undefined,
  source: ManifestSource,
): Promise<ChosenManifest> {
  const wanted = platform ?? hostPlatform();
  const available = new Set<string>();
  let documents = 0;
  /** What stands beside the chosen one need not be here. */
  let missing: unknown;
  const chosen = await search(target, [], true);
  if (chosen !== undefined) return chosen;
  throw missing ?? noPlatform(target, wanted, [...available]);

  async function search(
    descriptor: Descriptor,
    path: ChosenManifest['path'],
    saysPlatform: boolean,
  ): Promise<ChosenManifest | undefined> {
    if (++documents > maxDocuments) throw tooWide(target);
    const document = await source.load(descriptor);
    if (document.kind === 'manifest') {
      const { manifest } = document;
      return saysPlatform || (await isFor(manifest)) ? { descriptor, manifest, path } : undefined;
    }
    if (path.length === maxDepth) throw tooDeep(target);
    for (const name of platformsOf(document.index)) available.add(name);
    for (const child of selectManifests(document.index, wanted)) {
      const position = document.index.manifests.indexOf(child);
      const found = await searchChild(child, [...path, { index: descriptor, position, child }]);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async function searchChild(child: Descriptor, path: ChosenManifest['path']): Promise<ChosenManifest | undefined> {
    if (child.platform !== undefined) return search(child, path, true);
    try {
      return await search(child, path, false);
    } catch (error) {
      if (!isKind(error, 'not-found') && !isArtifact(error)) throw error;
      if (isKind(error, 'not-found')) missing ??= error;
      return undefined;
    }
  }

  async function isFor(manifest: ImageManifest): Promise<boolean> {
    const found = formatPlatform(normalizePlatform(await source.platformOf(manifest)));
    available.add(found);
    return compatiblePlatforms(wanted).some((compatible) => formatPlatform(compatible) === found);
  }
}

function isArtifact(error: unknown): boolean {
  return isSlipwayError(error) && error.code === 'IMAGE_IS_ARTIFACT';
}

function platformsOf(index: ImageIndex): string[] {
  return index.manifests.flatMap(({ platform }) =>
    platform === undefined || platform.os === 'unknown' ? [] : [formatPlatform(platform)],
  );
}

/** Of what an index says that it has; it can say anything, a thousand times. */
const maxListed = 20;

function noPlatform(target: Descriptor, wanted: Platform, available: readonly string[]): SlipwayError {
  const listed = available.slice(0, maxListed).map((name) => neutralize(name));
  const others = available.length > maxListed ? ` and ${available.length - maxListed} more` : '';
  return new SlipwayError({
    kind: 'not-found',
    code: 'PLATFORM_NOT_FOUND',
    message: `the image has no manifest for platform "${formatPlatform(wanted)}"; it has ${available.length === 0 ? 'none at all' : `${listed.join(', ')}${others}`}`,
    hint: available.length === 0 ? 'this is no image that can be run' : 'choose one with --platform',
    details: { digest: target.digest, platform: wanted, available: listed },
  });
}

function tooDeep(target: Descriptor): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'INDEX_TOO_DEEP',
    message: `index "${target.digest}" has indexes in indexes more than ${maxDepth} deep`,
    hint: brokenImageHint,
    details: { digest: target.digest },
  });
}

function tooWide(target: Descriptor): SlipwayError {
  return new SlipwayError({
    kind: 'resource-exhausted',
    code: 'INDEX_TOO_WIDE',
    message: `index "${target.digest}" has more than ${maxDocuments} indexes and manifests that do not say what platform they are for`,
    hint: brokenImageHint,
    details: { digest: target.digest },
  });
}
