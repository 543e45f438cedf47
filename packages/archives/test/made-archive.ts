import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Descriptor, Fetcher } from '@slipway/plugin-api';
import { pack } from 'tar-stream';

export interface Member {
  readonly name: string;
  readonly body?: Buffer | string;
  readonly type?: 'file' | 'directory' | 'symlink' | 'fifo' | 'block-device';
  readonly linkname?: string;
  readonly devmajor?: number;
  readonly devminor?: number;
  readonly pax?: Readonly<Record<string, string>>;
}

export async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const tar = pack();
  for (const { body = '', ...headers } of members) tar.entry({ mtime: new Date(0), ...headers }, body);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

export const sha256 = (bytes: Uint8Array | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
export const hexOf = (digest: string): string => digest.slice('sha256:'.length);

export interface Blob {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

export function blob(mediaType: string, content: Buffer | string | object): Blob {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
  return { descriptor: { mediaType, digest: sha256(bytes), size: bytes.length }, bytes };
}

const oci = 'application/vnd.oci.image';

export interface MadeImage {
  readonly manifest: Blob;
  readonly config: Blob;
  /** As blobs, and uncompressed. */
  readonly layers: readonly Blob[];
  readonly tars: readonly Buffer[];
  readonly blobs: readonly Blob[];
}

export async function imageOf(names: readonly string[], { compressed = true } = {}): Promise<MadeImage> {
  const tars = await Promise.all(names.map((name) => tarOf([{ name, body: `content of ${name}` }])));
  const layers = tars.map((tar) =>
    compressed ? blob(`${oci}.layer.v1.tar+gzip`, gzipSync(tar)) : blob(`${oci}.layer.v1.tar`, tar),
  );
  const config = blob(`${oci}.config.v1+json`, {
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: tars.map(sha256) },
  });
  const manifest = blob(`${oci}.manifest.v1+json`, {
    schemaVersion: 2,
    mediaType: `${oci}.manifest.v1+json`,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  });
  return { manifest, config, layers, tars, blobs: [config, ...layers, manifest] };
}

export function indexJson(entries: readonly (readonly [Descriptor, Readonly<Record<string, string>>?])[]): string {
  const manifests = entries.map(([descriptor, annotations]) => ({ ...descriptor, ...(annotations ? { annotations } : {}) }));
  return JSON.stringify({ schemaVersion: 2, manifests });
}

export const refName = 'org.opencontainers.image.ref.name';
export const imageName = 'io.containerd.image.name';
export const layoutFile: Member = { name: 'oci-layout', body: '{"imageLayoutVersion":"1.0.0"}' };

/** The members of a layout with these images, called v1, v2 ... */
export function layoutMembers(...images: readonly MadeImage[]): Member[] {
  const blobs = new Map(images.flatMap((image) => image.blobs.map((one) => [one.descriptor.digest, one])));
  return [
    layoutFile,
    { name: 'index.json', body: indexJson(images.map(({ manifest }, at) => [manifest.descriptor, { [refName]: `v${at + 1}` }])) },
    ...[...blobs].map(([digest, { bytes }]) => ({ name: `blobs/sha256/${hexOf(digest)}`, body: bytes })),
  ];
}

/** The members of a docker-archive with this image. */
export function dockerMembers(image: MadeImage, names: readonly string[] | null = ['app:1']): Member[] {
  const config = `${hexOf(image.config.descriptor.digest)}.json`;
  const layers = image.tars.map((tar) => `${hexOf(sha256(tar))}.tar`);
  return [
    { name: config, body: image.config.bytes },
    ...image.tars.map((tar, at) => ({ name: layers[at] ?? '', body: tar })),
    { name: 'manifest.json', body: JSON.stringify([{ Config: config, RepoTags: names, Layers: layers }]) },
  ];
}

export function writeFolder(folder: string, members: readonly Member[]): string {
  for (const { name, body = '' } of members) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), body);
  }
  return folder;
}

/** Content in memory to write from. What it is asked for by a digest it gives, right or wrong. */
export function sourceOf(blobs: readonly Blob[]): Fetcher {
  const byDigest = new Map(blobs.map(({ descriptor, bytes }) => [descriptor.digest, bytes]));
  return {
    fetch: async ({ digest }) => ({
      offset: 0,
      body: (async function* () {
        const bytes = byDigest.get(digest) ?? Buffer.alloc(0);
        for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
      })(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
  };
}
