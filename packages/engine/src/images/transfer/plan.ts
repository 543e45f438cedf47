import { isIndexType, isManifestType, type ManifestDocument, mediaTypes } from '@slipway/oci';
import { type Descriptor, type Digest, SlipwayError } from '@slipway/plugin-api';
import { semaphore } from '../../locks/index.js';
import { brokenImageHint } from '../../pull/broken-image.js';

/** An index may point to an index (OCI image-spec, image-index.md); deeper than this is an attack or a mistake. */
const maxDepth = 4;
const maxManifests = 2000;
const maxBlobs = 20_000;
const concurrentDocuments = 3;

/** What has to be brought to another place, in which order. */
export interface TransferPlan {
  /** What the name is to mean. */
  readonly target: Descriptor;
  /** Configs, layers and whatever else is no manifest: each once. */
  readonly blobs: readonly Descriptor[];
  /** By level: those of the first refer to blobs alone, those of the next to manifests of the levels before. */
  readonly levels: readonly (readonly Descriptor[])[];
  /** Manifests that an index refers to and that could not be had. */
  readonly absent: readonly Descriptor[];
}

/** Their makers forbid to distribute them: everybody fetches them from the URLs that the manifest says. */
const foreignTypes: ReadonlySet<string> = new Set([
  mediaTypes.ociForeignLayer,
  mediaTypes.ociForeignLayerGzip,
  mediaTypes.ociForeignLayerZstd,
  mediaTypes.dockerForeignLayer,
  mediaTypes.dockerForeignLayerGzip,
]);

/**
 * Everything below a target.
 *
 * @param load a document; undefined for one that is not there, which is then absent
 */
export async function planTransfer(
  target: Descriptor,
  load: (descriptor: Descriptor) => Promise<ManifestDocument | undefined>,
): Promise<TransferPlan> {
  const slots = semaphore(concurrentDocuments);
  const blobs = new Map<Digest, Descriptor>();
  const heights = new Map<Digest, Promise<number>>();
  const levels: Descriptor[][] = [];
  const absent: Descriptor[] = [];

  await heightOf(target, 0);
  return { target: plain(target), blobs: [...blobs.values()], levels: Array.from(levels, (level) => level ?? []), absent };

  function heightOf(descriptor: Descriptor, depth: number): Promise<number> {
    const known = heights.get(descriptor.digest);
    if (known !== undefined) return known;
    if (heights.size === maxManifests) throw tooMuch(target, `more than ${maxManifests} manifests`);
    const height = visit(descriptor, depth);
    heights.set(descriptor.digest, height);
    return height;
  }

  async function visit(descriptor: Descriptor, depth: number): Promise<number> {
    const document = await loadOne(descriptor);
    if (document === undefined) {
      absent.push(descriptor);
      return 0;
    }
    const children = childrenOf(document);
    const manifests = children.filter(({ mediaType }) => isIndexType(mediaType) || isManifestType(mediaType));
    if (document.kind === 'index' && depth === maxDepth) throw tooMuch(target, `indexes in indexes more than ${maxDepth} deep`);
    const below = await Promise.all(manifests.map((child) => heightOf(child, depth + 1)));
    for (const blob of children) if (!manifests.includes(blob)) addBlob(blob);
    const height = Math.max(0, ...below.map((one) => one + 1));
    const level = levels[height] ?? [];
    level.push(plain(descriptor));
    levels[height] = level;
    return height;
  }

  async function loadOne(descriptor: Descriptor): Promise<ManifestDocument | undefined> {
    using _slot = await slots.take();
    return await load(descriptor);
  }

  function addBlob(blob: Descriptor): void {
    if (isForeign(blob)) return;
    blobs.set(blob.digest, blob);
    if (blobs.size > maxBlobs) throw tooMuch(target, `more than ${maxBlobs} blobs`);
  }
}

/** Of a layer that goes nowhere with its image. */
export function isForeign({ mediaType }: Descriptor): boolean {
  return foreignTypes.has(mediaType);
}

/** Everything that a manifest or index cannot be without. Its subject is none of that. */
function childrenOf(document: ManifestDocument): readonly Descriptor[] {
  if (document.kind === 'index') return document.index.manifests;
  return [document.manifest.config, ...document.manifest.layers];
}

/** Without what an index says of it. */
export function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

function tooMuch(target: Descriptor, what: string): SlipwayError {
  return new SlipwayError({
    kind: 'resource-exhausted',
    code: 'IMAGE_TOO_LARGE',
    message: `"${target.digest}" has ${what}`,
    hint: brokenImageHint,
    details: { digest: target.digest },
  });
}
