import { digestOf, mediaTypes } from '@slipway/oci';
import type { FetchedContent } from '@slipway/plugin-api';
import { content } from '../content/bytes.js';
import type { PublishedContent, PublishedImage } from './origin.js';

export const published = (mediaType: string, bytes: Buffer): PublishedContent => ({
  descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length },
  bytes,
});

export interface SmallImage extends PublishedImage {
  readonly layer: PublishedContent;
}

/** An image of one layer, which is another one for another seed. */
export function imageOf({
  tag = 'latest',
  size = 300_000,
  seed = 1,
}: {
  tag?: string;
  size?: number;
  seed?: number;
} = {}): SmallImage {
  const layer = published(mediaTypes.ociLayer, content(size, seed));
  const diffIds = [layer.descriptor.digest];
  const config = published(
    mediaTypes.ociConfig,
    Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: diffIds } })),
  );
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.descriptor,
    layers: [layer.descriptor],
  };
  const manifest = published(mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
  return { tag, manifest, blobs: [config, layer], layer };
}

/** An index over images that are published already. */
export function indexOf(images: readonly PublishedImage[], tag: string): PublishedImage {
  const manifests = images.map(({ manifest }) => ({
    ...manifest.descriptor,
    platform: { os: 'linux', architecture: 'amd64' },
  }));
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
  return { tag, manifest: published(mediaTypes.ociIndex, Buffer.from(JSON.stringify(document))), blobs: [] };
}

export async function readBody({ body }: FetchedContent): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
