import { createHash } from 'node:crypto';
import {
  isManifestType,
  maxImageConfigSize,
  maxManifestSize,
  mediaTypes,
  parseDigest,
  parseImageConfig,
  parseManifestDocument,
} from '@slipway/oci';
import type { Descriptor, Digest, Fetcher } from '@slipway/plugin-api';
import { compressionOf, decompressed, magicBytes } from '../compression.js';
import { archiveError } from '../errors.js';
import { archiveLimits } from '../limits.js';
import { contentOf, readFully } from '../read/files.js';
import { namelessFile, spool } from '../spool.js';
import type { ByteSink } from './sinks.js';
import { TarWriter } from './tar-writer.js';
import { verified, verifiedBytes } from './verified.js';

export interface DockerArchiveContent {
  readonly images: readonly DockerImage[];
  readonly source: Fetcher;
  /** A layer's uncompressed size stands before its bytes: each lies here first, one at a time. */
  readonly spoolFolder: string;
  readonly signal?: AbortSignal | undefined;
}

export interface DockerImage {
  /** Of one platform's manifest: the format knows no others. */
  readonly target: Descriptor;
  /** With a tag each, in full. */
  readonly names: readonly string[];
}

/**
 * A docker-archive as `docker load`, podman, skopeo and ctr read it: the config as `<hex>.json`, each layer uncompressed as `<hex of its
 * diff ID>.tar`, and `manifest.json`. Manifests and compressed layers are not kept, and so their digests are not.
 *
 * Errors: `ARCHIVE_IMAGE_UNFIT` for an index or an artifact, `ARCHIVE_CONTENT_MISMATCH`.
 */
export async function writeDockerArchive(sink: ByteSink, archive: DockerArchiveContent): Promise<void> {
  const tar = new TarWriter(sink);
  const written = new Set<string>();
  const once = async (name: string, write: () => Promise<void>): Promise<string> => {
    if (!written.has(name)) await write();
    written.add(name);
    return name;
  };
  const entries: object[] = [];
  for (const image of archive.images) {
    const { config, configBytes, layers } = await readImage(image.target, archive);
    const configName = await once(`${hexOf(config.digest)}.json`, () =>
      tar.document(`${hexOf(config.digest)}.json`, configBytes),
    );
    const layerNames: string[] = [];
    for (const { descriptor, diffId } of layers) {
      const name = `${hexOf(diffId)}.tar`;
      layerNames.push(await once(name, () => writeLayer(tar, name, descriptor, diffId, archive)));
    }
    entries.push({ Config: configName, RepoTags: image.names.length === 0 ? null : image.names, Layers: layerNames });
  }
  await tar.document('manifest.json', Buffer.from(JSON.stringify(entries)));
  await tar.end();
}

interface ReadImage {
  readonly config: Descriptor;
  readonly configBytes: Buffer;
  readonly layers: readonly { readonly descriptor: Descriptor; readonly diffId: Digest }[];
}

async function readImage(target: Descriptor, { source, signal }: DockerArchiveContent): Promise<ReadImage> {
  if (!isManifestType(target.mediaType))
    throw unfit(target, 'it is an index, and a docker-archive holds manifests of one platform');
  const document = parseManifestDocument(await verifiedBytes(target, source, maxManifestSize, signal), target.mediaType);
  if (document.kind === 'index') throw unfit(target, 'it is an index, and a docker-archive holds manifests of one platform');
  const { config, layers } = document.manifest;
  if (config.mediaType !== mediaTypes.ociConfig && config.mediaType !== mediaTypes.dockerConfig)
    throw unfit(target, 'it is an artifact, and a docker-archive holds images');
  const configBytes = await verifiedBytes(config, source, maxImageConfigSize, signal);
  const diffIds = parseImageConfig(configBytes).rootfs.diff_ids;
  if (diffIds.length !== layers.length)
    throw unfit(target, `it has ${layers.length} layers, its config has ${diffIds.length} diff IDs`);
  return { config, configBytes, layers: layers.map((descriptor, at) => ({ descriptor, diffId: diffIds[at] ?? '' })) };
}

async function writeLayer(
  tar: TarWriter,
  name: string,
  descriptor: Descriptor,
  diffId: Digest,
  { source, spoolFolder, signal }: DockerArchiveContent,
): Promise<void> {
  const file = await namelessFile(spoolFolder);
  try {
    const what = `layer "${descriptor.digest}"`;
    const hash = createHash(parseDigest(diffId).algorithm);
    const hashed = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of uncompressed(what, verified(descriptor, source, signal))) {
        hash.update(chunk);
        yield chunk;
      }
    };
    const size = await spool(hashed(), file, { what, limit: archiveLimits.spooledBytes, signal });
    const found = `${parseDigest(diffId).algorithm}:${hash.digest('hex')}`;
    if (found !== diffId)
      throw archiveError('ARCHIVE_CONTENT_MISMATCH', `${what} has the diff ID "${found}", its image says "${diffId}"`);
    await tar.file(name, size, contentOf({ size, read: (target, position) => readFully(file, target, position) }));
  } finally {
    await file.close();
  }
}

async function* uncompressed(what: string, body: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let beginning = Buffer.alloc(0);
  while (beginning.length < magicBytes) {
    const next = await body.next();
    if (next.done === true) break;
    beginning = Buffer.concat([beginning, next.value]);
  }
  const whole = async function* (): AsyncGenerator<Uint8Array> {
    yield beginning;
    yield* body;
  };
  const compression = compressionOf(what, beginning);
  yield* compression === undefined ? whole() : decompressed(what, whole(), compression);
}

function unfit({ digest }: Descriptor, problem: string): Error {
  return archiveError('ARCHIVE_IMAGE_UNFIT', `image "${digest}" cannot be written into a docker-archive: ${problem}`, {
    hint: 'choose one platform with --platform, or write an oci-archive',
    details: { digest },
  });
}

function hexOf(digest: Digest): string {
  return parseDigest(digest).encoded;
}
