import { formatPlatform, hostPlatform, isIndexType, type ManifestDocument, selectManifests } from '@slipway/oci';
import { type Descriptor, type ImageIndex, type ImageManifest, type Platform, SlipwayError } from '@slipway/plugin-api';
import { brokenImageHint } from './broken-image.js';

/** An index may point to an index (OCI image-spec, image-index.md); deeper than this is an attack or a mistake. */
const maxDepth = 4;

export interface ChosenManifest {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  /** The indexes on the way, outermost first, and which of their entries was taken. */
  readonly path: readonly { readonly index: Descriptor; readonly position: number; readonly child: Descriptor }[];
}

/**
 * From what a name means to the manifest of a platform.
 *
 * @param load brings in a document: from the registry and the store during a pull, from the store alone later
 */
export async function chooseManifest(
  target: Descriptor,
  platform: Platform | undefined,
  load: (descriptor: Descriptor) => Promise<ManifestDocument>,
): Promise<ChosenManifest> {
  const wanted = platform ?? hostPlatform();
  const path: ChosenManifest['path'][number][] = [];
  const available: string[] = [];
  let descriptor = target;
  for (;;) {
    const document = await load(descriptor);
    if (document.kind === 'manifest') return { descriptor, manifest: document.manifest, path };
    if (path.length === maxDepth) throw tooDeep(target);
    const child = pick(document.index, wanted);
    available.push(...platformsOf(document.index));
    if (child === undefined) throw noPlatform(target, wanted, available);
    path.push({ index: descriptor, position: document.index.manifests.indexOf(child), child });
    descriptor = child;
  }
}

/** The best match, or else a nested index that says nothing of its platform. */
function pick(index: ImageIndex, wanted: Platform): Descriptor | undefined {
  return (
    selectManifests(index, wanted)[0] ??
    index.manifests.find((entry) => entry.platform === undefined && isIndexType(entry.mediaType))
  );
}

function platformsOf(index: ImageIndex): string[] {
  return index.manifests.flatMap(({ platform }) =>
    platform === undefined || platform.os === 'unknown' ? [] : [formatPlatform(platform)],
  );
}

function noPlatform(target: Descriptor, wanted: Platform, available: readonly string[]): SlipwayError {
  return new SlipwayError({
    kind: 'not-found',
    code: 'PLATFORM_NOT_FOUND',
    message: `the image has no manifest for platform "${formatPlatform(wanted)}"; it has ${available.length === 0 ? 'none at all' : available.join(', ')}`,
    hint: available.length === 0 ? 'this is no image that can be run' : 'choose one with --platform',
    details: { digest: target.digest, platform: wanted, available },
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
