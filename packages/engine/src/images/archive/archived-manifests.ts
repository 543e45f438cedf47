import type { ImageArchive } from '@slipway/archives';
import {
  digestOf,
  isIndexType,
  isManifestType,
  type ManifestDocument,
  maxManifestSize,
  parseDigest,
  parseManifestDocument,
} from '@slipway/oci';
import { type Descriptor, type Digest, type ImageManifest, isKind, throwIfAborted } from '@slipway/plugin-api';
import type { ChosenManifest } from '../../pull/choose-manifest.js';
import { hasAll } from './archive-source.js';

/** Deeper than a pull goes. */
const maxDepth = 4;
const maxManifests = 1000;

export interface ArchivedManifest {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  /** The indexes on the way, outermost first. */
  readonly path: ChosenManifest['path'];
}

/** The manifests below a target that are in the archive with all that they refer to: an index stands for more platforms than one archive has. */
export async function archivedManifests(
  archive: ImageArchive,
  target: Descriptor,
  signal: AbortSignal | undefined,
): Promise<ArchivedManifest[]> {
  const found: ArchivedManifest[] = [];
  /** An index is walked once, or again when it lies less deep: with thousands of entries for one index, level by level, there is no end. */
  const depths = new Map<Digest, number>();
  const manifests = new Map<Digest, ImageManifest | undefined>();
  await walk(target, []);
  return found;

  async function walk(descriptor: Descriptor, path: ChosenManifest['path']): Promise<void> {
    if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) return;
    if (path.length > maxDepth || found.length >= maxManifests) return;
    const { digest } = descriptor;
    if ((depths.get(digest) ?? Number.POSITIVE_INFINITY) <= path.length) return;
    throwIfAborted(archive.what, signal);
    if (!manifests.has(digest)) {
      const document = await read(archive, descriptor);
      if (document?.kind === 'index') {
        depths.set(digest, path.length);
        for (const [position, child] of document.index.manifests.entries())
          await walk(child, [...path, { index: descriptor, position, child }]);
        return;
      }
      manifests.set(digest, await complete(document?.manifest));
    }
    const manifest = manifests.get(digest);
    if (manifest !== undefined) found.push({ descriptor, manifest, path });
  }

  async function complete(manifest: ImageManifest | undefined): Promise<ImageManifest | undefined> {
    const isWhole = manifest !== undefined && (await hasAll(archive, [manifest.config, ...manifest.layers]));
    return isWhole ? manifest : undefined;
  }
}

/** Undefined for what is not there, and for what is broken: whoever wants that very one finds out. */
async function read(archive: ImageArchive, { digest, size, mediaType }: Descriptor): Promise<ManifestDocument | undefined> {
  await using file = await archive.open(digest);
  if (file?.size !== size || size > maxManifestSize) return undefined;
  const bytes = Buffer.alloc(size);
  await file.read(bytes, 0);
  if (digestOf(bytes, parseDigest(digest).algorithm) !== digest) return undefined;
  try {
    return parseManifestDocument(bytes, mediaType);
  } catch (error) {
    if (isKind(error, 'invalid-argument', 'resource-exhausted', 'unimplemented')) return undefined;
    throw error;
  }
}
