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
import { type Descriptor, type ImageManifest, isKind } from '@slipway/plugin-api';
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
export async function archivedManifests(archive: ImageArchive, target: Descriptor): Promise<ArchivedManifest[]> {
  const found: ArchivedManifest[] = [];
  await walk(target, []);
  return found;

  async function walk(descriptor: Descriptor, path: ChosenManifest['path']): Promise<void> {
    if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) return;
    if (path.length > maxDepth || found.length >= maxManifests) return;
    const document = await read(archive, descriptor);
    if (document?.kind === 'index') {
      for (const [position, child] of document.index.manifests.entries())
        await walk(child, [...path, { index: descriptor, position, child }]);
    } else if (document !== undefined) {
      const { manifest } = document;
      if (await hasAll(archive, [manifest.config, ...manifest.layers])) found.push({ descriptor, manifest, path });
    }
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
