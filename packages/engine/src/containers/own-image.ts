import { mediaTypes } from '@slipway/oci';
import { type ContentStore, type Digest, hasCode, type ImageConfig, type ImageManifest, SlipwayError } from '@slipway/plugin-api';
import type { ContainerRow } from '../metadata/containers.js';
import { readManifestDocument, readRunnableConfig } from '../pull/document.js';

/** The config of the image that the container was made of, which its row keeps from every sweep. */
export async function ownImageConfig(content: ContentStore, row: Pick<ContainerRow, 'manifest'>): Promise<ImageConfig> {
  return readRunnableConfig(content, await ownManifest(content, row.manifest as Digest));
}

/** A container's row says which manifest, and not of which form it is. */
export async function ownManifest(content: ContentStore, digest: Digest): Promise<ImageManifest> {
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
