import { digestOf, mediaTypes, parseImageConfig, parseManifestDocument } from '@slipway/oci';
import type { Descriptor, Digest, HistoryEntry, ImageConfig, ImageManifest, Platform } from '@slipway/plugin-api';

/** The documents of an image that is made here. */
export interface MadeImage {
  readonly target: Descriptor;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  readonly documents: readonly Document[];
}

export interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** What an image is made on. */
export interface BaseImage {
  /** As it stands in the document, with what Slipway does not know. */
  readonly document: Readonly<Record<string, unknown>>;
  readonly config: ImageConfig;
  readonly layers: readonly Descriptor[];
}

export interface ImageParts {
  /** Undefined: nothing. */
  readonly base: BaseImage | undefined;
  /** Undefined: it has no more files than its base. */
  readonly layer: { readonly descriptor: Descriptor; readonly diffId: Digest } | undefined;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly platform: Platform;
  readonly author: string | undefined;
  readonly history: HistoryEntry;
  /** RFC 3339. */
  readonly created: string;
}

/**
 * Config and manifest in OCI's forms (image-spec, config.md and manifest.md). The same parts give the same bytes. Errors: `invalid-argument` or
 * `resource-exhausted` for what nobody could read, as too many layers.
 */
export function makeImage(parts: ImageParts): MadeImage {
  const { base, layer, platform, author, created } = parts;
  const { os, architecture, variant } = platform;
  const diffIds = [...(base?.config.rootfs.diff_ids ?? []), ...(layer === undefined ? [] : [layer.diffId])];
  const config = document(mediaTypes.ociConfig, {
    ...base?.document,
    created,
    ...(author === undefined ? {} : { author }),
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    config: parts.defaults,
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: [
      ...historyOf(base),
      {
        created,
        ...parts.history,
        ...(author === undefined ? {} : { author }),
        ...(layer === undefined ? { empty_layer: true } : {}),
      },
    ],
  });
  const layers = [...(base?.layers ?? []).map(asOciLayer), ...(layer === undefined ? [] : [layer.descriptor])];
  const manifest = document(mediaTypes.ociManifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.descriptor,
    layers,
  });
  // What we make must be what we would take from others.
  const parsed = parseManifestDocument(manifest.bytes, mediaTypes.ociManifest);
  if (parsed.kind === 'index') throw new TypeError('a manifest is no index');
  return {
    target: manifest.descriptor,
    manifest: parsed.manifest,
    config: parseImageConfig(config.bytes),
    documents: [config, manifest],
  };
}

function document(mediaType: string, value: unknown): Document {
  const bytes = Buffer.from(JSON.stringify(value));
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

/** One entry at least for each layer: else the one that follows would be taken for that of a layer below. */
function historyOf(base: BaseImage | undefined): unknown[] {
  if (base === undefined) return [];
  const known = base.document['history'];
  const entries: unknown[] = Array.isArray(known) ? known : [];
  const making = (base.config.history ?? []).filter((entry) => entry.empty_layer !== true).length;
  return [...entries, ...Array.from({ length: Math.max(0, base.layers.length - making) }, () => ({}))];
}

/** A manifest of OCI's form has layers of its media types (image-spec, manifest.md); Docker's are the same bytes. */
const ociTypes: ReadonlyMap<string, string> = new Map([
  [mediaTypes.dockerLayer, mediaTypes.ociLayer],
  [mediaTypes.dockerLayerGzip, mediaTypes.ociLayerGzip],
  [mediaTypes.dockerLayerZstd, mediaTypes.ociLayerZstd],
  [mediaTypes.dockerForeignLayer, mediaTypes.ociForeignLayer],
  [mediaTypes.dockerForeignLayerGzip, mediaTypes.ociForeignLayerGzip],
]);

function asOciLayer(layer: Descriptor): Descriptor {
  return { ...layer, mediaType: ociTypes.get(layer.mediaType) ?? layer.mediaType };
}
