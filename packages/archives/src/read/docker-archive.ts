import { digestOf, maxImageConfigSize, maxLayers, maxManifestSize, mediaTypes, parseImageConfig } from '@slipway/oci';
import type { Descriptor, Digest } from '@slipway/plugin-api';
import { throwIfAborted } from '@slipway/plugin-api';
import { compressionOf, magicBytes } from '../compression.js';
import { archiveError } from '../errors.js';
import { inArchive, invalidDocument, parseJson, readSmall } from './document.js';
import { type ArchiveFile, type ArchiveFiles, contentOf } from './files.js';
import { type ArchivedImage, type ImageArchive, memoryFile } from './image-archive.js';

const manifestFile = 'manifest.json';
const maxImages = 1000;
/** Of all images together: each gets a manifest that lists them. */
const maxListedLayers = 20_000;

interface Entry {
  readonly config: string;
  readonly names: readonly string[];
  readonly layers: readonly string[];
}

/**
 * A docker-archive, what `docker save` writes: `manifest.json` says which files are the config and the layers of each image. It has no
 * manifests of its own, so each image gets an OCI manifest, which is the same for the same config and layers. An uncompressed layer
 * has its diff ID as digest, which is verified when it is read; a compressed one is hashed here.
 *
 * Undefined when it is none. Errors: `ARCHIVE_INVALID`, `ARCHIVE_TOO_LARGE`, `unimplemented` for the form of before Docker 1.10.
 */
export async function readDockerArchive(files: ArchiveFiles, signal: AbortSignal | undefined): Promise<ImageArchive | undefined> {
  const bytes = await readSmall(files, manifestFile, maxManifestSize);
  if (bytes === undefined) {
    if ((await readSmall(files, 'repositories', maxManifestSize)) === undefined) return undefined;
    throw archiveError(
      'ARCHIVE_FORMAT_UNSUPPORTED',
      `${files.what} is a docker-archive of before Docker 1.10, without ${manifestFile}`,
      { hint: 'load it into a current Docker or podman and save it again' },
    );
  }
  const content = new Map<Digest, string | Buffer>();
  const known = new Map<string, LayerFile>();
  const images: ArchivedImage[] = [];
  for (const entry of readEntries(files, bytes)) {
    throwIfAborted(files.what, signal);
    const target = await manifestOf(files, entry, content, known, signal);
    images.push({ target, names: entry.names });
  }
  return {
    kind: 'docker',
    what: files.what,
    images,
    entries: [],
    open: async (digest) => {
      const place = content.get(digest);
      return typeof place === 'object' ? memoryFile(place) : place === undefined ? undefined : files.open(place);
    },
    [Symbol.asyncDispose]: () => files[Symbol.asyncDispose](),
  };
}

async function manifestOf(
  files: ArchiveFiles,
  { config: configName, layers: names }: Entry,
  content: Map<Digest, string | Buffer>,
  known: Map<string, LayerFile>,
  signal: AbortSignal | undefined,
): Promise<Descriptor> {
  const configBytes = await readSmall(files, configName, maxImageConfigSize);
  if (configBytes === undefined)
    throw invalidDocument(files, manifestFile, `its config ${JSON.stringify(configName)} is missing`);
  const diffIds = inArchive(files, configName, () => parseImageConfig(configBytes)).rootfs.diff_ids;
  if (diffIds.length !== names.length)
    throw invalidDocument(
      files,
      configName,
      `it has ${diffIds.length} diff IDs, and ${manifestFile} lists ${names.length} layers`,
    );
  const layers: Descriptor[] = [];
  for (const [position, name] of names.entries()) {
    const diffId = diffIds[position] ?? '';
    const layer = known.get(name) ?? (await layerOf(files, name, signal));
    known.set(name, layer);
    const descriptor = { ...layer, digest: layer.digest ?? diffId };
    if (!content.has(descriptor.digest)) content.set(descriptor.digest, name);
    layers.push(descriptor);
  }
  const config = { mediaType: mediaTypes.ociConfig, digest: digestOf(configBytes), size: configBytes.length };
  content.set(config.digest, configName);
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers }));
  const digest = digestOf(manifest);
  content.set(digest, manifest);
  return { mediaType: mediaTypes.ociManifest, digest, size: manifest.length };
}

/** Without a digest: uncompressed, so that the config says it. */
interface LayerFile {
  readonly mediaType: string;
  readonly digest: Digest | undefined;
  readonly size: number;
}

async function layerOf(files: ArchiveFiles, name: string, signal: AbortSignal | undefined): Promise<LayerFile> {
  await using file = await files.open(name);
  if (file === undefined) throw invalidDocument(files, manifestFile, `its layer ${JSON.stringify(name)} is missing`);
  const beginning = Buffer.alloc(magicBytes);
  await file.read(beginning, 0);
  const compression = compressionOf(`${files.what}: layer ${JSON.stringify(name)}`, beginning);
  if (compression === undefined) return { mediaType: mediaTypes.ociLayer, digest: undefined, size: file.size };
  const mediaType = compression === 'gzip' ? mediaTypes.ociLayerGzip : mediaTypes.ociLayerZstd;
  return { mediaType, digest: await hashOf(file, files.what, signal), size: file.size };
}

async function hashOf(file: ArchiveFile, what: string, signal: AbortSignal | undefined): Promise<Digest> {
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  for await (const chunk of contentOf(file)) {
    throwIfAborted(what, signal);
    hash.update(chunk);
  }
  return `sha256:${hash.digest('hex')}`;
}

function readEntries(files: ArchiveFiles, bytes: Buffer): Entry[] {
  const list = parseJson(files, manifestFile, bytes);
  if (!Array.isArray(list)) throw invalidDocument(files, manifestFile, 'it is no list of images');
  if (list.length > maxImages)
    throw archiveError('ARCHIVE_TOO_LARGE', `${files.what} has ${list.length} images, at most ${maxImages} are read`);
  const entries = list.map((value: unknown, position): Entry => {
    const entry: Record<string, unknown> =
      typeof value === 'object' && value !== null ? Object.assign(Object.create(null), value) : {};
    const { Config: config, RepoTags: names, Layers: layers } = entry;
    const place = `image ${position}`;
    if (typeof config !== 'string' || config === '') throw invalidDocument(files, manifestFile, `${place} has no "Config"`);
    return {
      config,
      names: textList(files, names, `"RepoTags" of ${place}`),
      layers: textList(files, layers, `"Layers" of ${place}`),
    };
  });
  const listed = entries.reduce((sum, { layers }) => sum + layers.length, 0);
  if (listed > maxListedLayers)
    throw archiveError('ARCHIVE_TOO_LARGE', `${files.what} lists ${listed} layers, at most ${maxListedLayers} are read`);
  return entries;
}

/** Go writes an empty list as null. */
function textList(files: ArchiveFiles, value: unknown, what: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw invalidDocument(files, manifestFile, `${what} is no list of strings`);
  if (value.length > maxLayers)
    throw archiveError('ARCHIVE_TOO_LARGE', `${files.what}: ${what} has ${value.length} entries, at most ${maxLayers} are read`);
  return value as string[];
}
