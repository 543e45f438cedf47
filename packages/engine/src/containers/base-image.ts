import { chainIds, mediaTypes } from '@slipway/oci';
import { type ContentStore, type Descriptor, type Digest, hasCode, type ImageManifest, SlipwayError } from '@slipway/plugin-api';
import type { Draft } from '../images/made/draft.js';
import type { BaseImage } from '../images/made/made-image.js';
import { addToLease } from '../metadata/leases.js';
import { readManifestDocument, readRunnableConfig } from '../pull/document.js';
import type { EngineParts } from '../settings.js';
import { isThere } from './container-trees.js';
import { containerNotFound, type FoundContainer } from './find.js';

export interface ContainerBase extends BaseImage {
  readonly manifestDigest: Digest;
  /** Bottom layer first. */
  readonly chain: readonly Digest[];
}

/** The image that a container runs, which from now on stays, whether the container does or not. Errors: `not-found`. */
export async function leaseBase(parts: EngineParts, { operation }: Draft, container: FoundContainer): Promise<ContainerBase> {
  const { manifest: digest, chainId, snapshotter } = container.row;
  await parts.metadata.write((tx) => {
    // Its row has kept all that from every sweep so far.
    if (!isThere(tx, container)) throw containerNotFound(container.id);
    const snapshots = chainId === null ? [] : [{ snapshotter, name: chainId }];
    addToLease(tx, operation.id, { content: [digest], snapshots });
  });
  const manifest = await readManifest(parts.content, digest);
  const config = await readRunnableConfig(parts.content, manifest);
  return {
    manifestDigest: digest,
    document: await readJson(parts.content, manifest.config),
    config,
    layers: manifest.layers,
    chain: chainIds(config.rootfs.diff_ids),
  };
}

/** A container's row says which manifest, and not of which form it is. */
async function readManifest(content: ContentStore, digest: Digest): Promise<ImageManifest> {
  const { size } = await content.info(digest);
  const read = async (mediaType: string): Promise<ImageManifest> => {
    const document = await readManifestDocument(content, { mediaType, digest, size });
    if (document.kind === 'manifest') return document.manifest;
    throw new SlipwayError({
      kind: 'data-loss',
      code: 'MANIFEST_INVALID',
      message: `"${digest}" is an index, expected a manifest`,
    });
  };
  try {
    return await read(mediaTypes.ociManifest);
  } catch (error) {
    if (!hasCode(error, 'MANIFEST_MEDIA_TYPE_MISMATCH')) throw error;
    return read(mediaTypes.dockerManifest);
  }
}

/** What was read, hashed and checked a moment ago, with all that is in it. */
async function readJson(content: ContentStore, { digest }: Descriptor): Promise<Readonly<Record<string, unknown>>> {
  await using reader = await content.readerAt(digest);
  const bytes = Buffer.alloc(reader.size);
  await reader.read(bytes, 0);
  return JSON.parse(bytes.toString()) as Record<string, unknown>;
}
