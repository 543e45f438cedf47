import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { imageLayout, readImage, type TarSpec, tarOf } from '@slipway/fixtures';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: object;
}

export interface Layer {
  readonly blob: Buffer;
  readonly diffId: string;
}

/** Documents and blobs by digest, and which of them the name means. */
export interface BuiltImage {
  readonly top: Descriptor;
  readonly documents: ReadonlyMap<string, { readonly mediaType: string; readonly bytes: Buffer }>;
  readonly blobs: ReadonlyMap<string, Buffer>;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface ImageParts {
  readonly layers?: readonly Layer[];
  /** The `config` of the image configuration. */
  readonly settings?: object;
  /** Over the whole image configuration. */
  readonly config?: object;
  /** Over the whole manifest. */
  readonly manifest?: object;
}

export const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

export const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function describe(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** A gzip layer of these members. */
export function layerOf(...members: readonly TarSpec[]): Layer {
  const tar = tarOf(members);
  return { blob: gzipSync(tar), diffId: digestOf(tar) };
}

/** The busybox layer of the fixture `small`. */
export function busyboxLayer(): Layer {
  const { layers, config } = readImage(imageLayout('small'));
  return { blob: readFileSync(layers[0] ?? ''), diffId: config.rootfs.diff_ids[0] ?? '' };
}

/** An image of these layers, whole and right but for what the parts put in the place of what would be right. */
export function imageOf({ layers = [], settings = {}, config = {}, manifest = {} }: ImageParts): BuiltImage {
  const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) };
  const configBytes = json({ os: 'linux', architecture, config: settings, rootfs, ...config });
  const configDescriptor = describe(types.config, configBytes);
  const layerDescriptors = layers.map(({ blob }) => describe(types.layer, blob));
  const body = { schemaVersion: 2, mediaType: types.manifest, config: configDescriptor, layers: layerDescriptors, ...manifest };
  const { top, documents } = documentOf(types.manifest, json(body));
  const blobs = new Map([[configDescriptor.digest, configBytes], ...layers.map(({ blob }) => [digestOf(blob), blob] as const)]);
  return { top, documents, blobs, config: configDescriptor, layers: layerDescriptors };
}

/** An index of these, each with a platform or, where that is undefined, without. */
export function indexOf(entries: readonly { readonly image: BuiltImage; readonly platform?: object | undefined }[]): BuiltImage {
  const manifests = entries.map(({ image, platform }) => ({ ...image.top, ...(platform === undefined ? {} : { platform }) }));
  const { top, documents } = documentOf(types.index, json({ schemaVersion: 2, mediaType: types.index, manifests }));
  return {
    top,
    documents: new Map([...documents, ...entries.flatMap(({ image }) => [...image.documents])]),
    blobs: new Map(entries.flatMap(({ image }) => [...image.blobs])),
    config: top,
    layers: [],
  };
}

/** A manifest or index of exactly these bytes, and nothing that it refers to. */
export function documentOf(mediaType: string, bytes: Buffer): BuiltImage {
  const top = describe(mediaType, bytes);
  return { top, documents: new Map([[top.digest, { mediaType, bytes }]]), blobs: new Map(), config: top, layers: [] };
}

export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
