import { digestOf, type ManifestDocument, mediaTypes, parseDigest, parseImageConfig, parseManifestDocument } from '@slipway/oci';
import {
  type ContentStore,
  type Descriptor,
  type ImageConfig,
  type ImageManifest,
  isKind,
  SlipwayError,
} from '@slipway/plugin-api';
import { brokenImage, brokenImageHint } from './broken-image.js';

/** Manifests, indexes and configs are read whole, so their size is bounded. */
const maxDocumentBytes = 8 * 1024 * 1024;

export async function readManifestDocument(content: ContentStore, descriptor: Descriptor): Promise<ManifestDocument> {
  const bytes = await readDocument(content, descriptor);
  try {
    return parseManifestDocument(bytes, descriptor.mediaType);
  } catch (error) {
    throw brokenImage(`"${descriptor.digest}"`, error);
  }
}

async function readImageConfig(content: ContentStore, descriptor: Descriptor): Promise<ImageConfig> {
  const bytes = await readDocument(content, descriptor);
  try {
    return parseImageConfig(bytes);
  } catch (error) {
    throw brokenImage(`"${descriptor.digest}"`, error);
  }
}

/** The config of an image that can be unpacked: one diff ID for each layer (OCI image-spec, config.md). */
export async function readRunnableConfig(content: ContentStore, manifest: ImageManifest): Promise<ImageConfig> {
  refuseArtifact(manifest);
  const config = await readImageConfig(content, manifest.config);
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length === manifest.layers.length) return config;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'LAYER_COUNT_MISMATCH',
    message: `the manifest has ${manifest.layers.length} layers, its config "${manifest.config.digest}" has ${diffIds.length} diff IDs`,
    hint: brokenImageHint,
  });
}

const configTypes: ReadonlySet<string> = new Set([mediaTypes.ociConfig, mediaTypes.dockerConfig]);

/**
 * A manifest whose config is none of an image is of an artifact (OCI image-spec, manifest.md, "Guidelines for Artifact Usage"): a signature, a
 * chart, a list of what is in an image. There is nothing in it to unpack or run.
 */
export function refuseArtifact({ artifactType, config }: ImageManifest): void {
  if (configTypes.has(config.mediaType)) return;
  const type = config.mediaType === mediaTypes.ociEmpty ? (artifactType ?? config.mediaType) : config.mediaType;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'IMAGE_IS_ARTIFACT',
    message: `what the name means is an artifact of type ${JSON.stringify(type)}, no image that can be unpacked or run`,
    hint: 'slipway copy takes it along, for example to oci:DIRECTORY',
    details: { type },
  });
}

/** Reads a small blob and hashes it again: a bit that has flipped on disk is found here, not believed. */
async function readDocument(content: ContentStore, descriptor: Descriptor): Promise<Buffer> {
  refuseLarge(descriptor);
  await using reader = await content.readerAt(descriptor.digest);
  const bytes = Buffer.alloc(Math.min(reader.size, maxDocumentBytes));
  const count = await reader.read(bytes, 0);
  const found = digestOf(bytes.subarray(0, count), parseDigest(descriptor.digest).algorithm);
  if (count !== reader.size || found !== descriptor.digest) {
    throw new SlipwayError({
      kind: 'data-loss',
      code: 'CONTENT_DAMAGED',
      message: `content "${descriptor.digest}" is damaged on disk: its bytes have the digest "${found}"`,
      hint: 'slipway verify --repair brings it in again, and so does slipway pull',
      details: { digest: descriptor.digest, found },
    });
  }
  return bytes;
}

/** Before anything is fetched: what claims to be a document must have a document's size. */
export function refuseLarge(descriptor: Descriptor): void {
  if (descriptor.size <= maxDocumentBytes) return;
  throw new SlipwayError({
    kind: 'resource-exhausted',
    code: 'DOCUMENT_TOO_LARGE',
    message: `document "${descriptor.digest}" has ${descriptor.size} bytes, at most ${maxDocumentBytes} are read`,
    hint: brokenImageHint,
  });
}

export async function isPresent(content: ContentStore, digest: string): Promise<boolean> {
  try {
    await content.info(digest);
    return true;
  } catch (error) {
    if (isKind(error, 'not-found')) return false;
    throw error;
  }
}
