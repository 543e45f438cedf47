import { maxManifestSize, mediaTypes, parseDigest, parseManifestDocument } from '@slipway/oci';
import type { Descriptor, Digest } from '@slipway/plugin-api';
import { archiveError } from '../errors.js';
import { inArchive, invalidDocument, parseJson, readSmall } from './document.js';
import type { ArchiveFiles } from './files.js';
import type { ArchivedImage, ImageArchive } from './image-archive.js';

/** OCI image-spec, annotations.md: the name inside a layout, often a tag alone. */
export const refNameAnnotation = 'org.opencontainers.image.ref.name';
/** Where containerd, BuildKit and Docker write the whole name. */
export const imageNameAnnotation = 'io.containerd.image.name';

export const layoutFile = 'oci-layout';
export const indexFile = 'index.json';

export function blobName(digest: Digest): string {
  const { algorithm, encoded } = parseDigest(digest);
  return `blobs/${algorithm}/${encoded}`;
}

/**
 * An OCI image layout (image-spec, image-layout.md), in whatever `files` it is. Undefined when it is none: `oci-layout` is missing.
 * Errors: `ARCHIVE_INVALID`, `ARCHIVE_TOO_LARGE`, `unimplemented` for a layout of another major version.
 */
export async function readOciLayout(files: ArchiveFiles): Promise<ImageArchive | undefined> {
  const layout = await readSmall(files, layoutFile, 4096);
  if (layout === undefined) return undefined;
  checkVersion(files, parseJson(files, layoutFile, layout));
  const index = await readSmall(files, indexFile, maxManifestSize);
  if (index === undefined) throw invalidDocument(files, indexFile, 'it is missing');
  const entries = readLayoutIndex(files, index);
  return {
    kind: 'oci',
    what: files.what,
    images: entries.filter((entry) => !isArtifactEntry(entry)).map(imageOf),
    entries,
    open: (digest) => files.open(blobName(digest)),
    [Symbol.asyncDispose]: () => files[Symbol.asyncDispose](),
  };
}

/** What an `index.json` lists. */
export function readLayoutIndex(files: ArchiveFiles, bytes: Buffer): readonly Descriptor[] {
  const document = inArchive(files, indexFile, () => parseManifestDocument(bytes, mediaTypes.ociIndex));
  if (document.kind !== 'index') throw invalidDocument(files, indexFile, 'it is no image index');
  return document.index.manifests;
}

/** A manifest that only refers to another one, as a signature does: it has a place in the index so that it can be found, and no name. */
export function isArtifactEntry({ artifactType, annotations }: Descriptor): boolean {
  return (
    artifactType !== undefined &&
    annotations?.[refNameAnnotation] === undefined &&
    annotations?.[imageNameAnnotation] === undefined
  );
}

/** The name that says most comes first. The annotations of the entry are the archive's, not the image's. */
function imageOf({ annotations, ...target }: Descriptor): ArchivedImage {
  const { [imageNameAnnotation]: whole, [refNameAnnotation]: ref, ...own } = annotations ?? {};
  const names = [whole, ref].filter((name) => name !== undefined && name !== '');
  return {
    target: Object.keys(own).length === 0 ? target : { ...target, annotations: own },
    names: [...new Set(names)] as string[],
  };
}

function checkVersion(files: ArchiveFiles, value: unknown): void {
  const version =
    typeof value === 'object' && value !== null && 'imageLayoutVersion' in value ? value.imageLayoutVersion : undefined;
  if (typeof version !== 'string') throw invalidDocument(files, layoutFile, 'it has no "imageLayoutVersion"');
  if (!/^1\.[0-9]+\.[0-9]+$/.test(version))
    throw archiveError(
      'ARCHIVE_FORMAT_UNSUPPORTED',
      `${files.what} is an image layout of version ${JSON.stringify(version)}; version 1 is read`,
    );
}
