import { maxIndexManifests, maxManifestSize, mediaTypes } from '@slipway/oci';
import type { Descriptor, Fetcher } from '@slipway/plugin-api';
import { archiveError } from '../errors.js';
import { blobName, indexFile, layoutFile } from '../read/oci-layout.js';
import type { ByteSink } from './sinks.js';
import { TarWriter } from './tar-writer.js';
import { verified } from './verified.js';

export interface OciArchiveContent {
  /** Entries of the index, annotated with their names. */
  readonly entries: readonly Descriptor[];
  /** All content that goes along. */
  readonly content: readonly Descriptor[];
  readonly source: Fetcher;
  readonly signal?: AbortSignal | undefined;
  readonly onWritten?: ((descriptor: Descriptor) => void) | undefined;
}

export const layoutDocument = Buffer.from('{"imageLayoutVersion":"1.0.0"}');

/** Errors: `resource-exhausted` with more images than anybody reads of one archive. */
export function indexDocument(entries: readonly unknown[]): Buffer {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries }));
  if (entries.length <= maxIndexManifests && bytes.length <= maxManifestSize) return bytes;
  throw archiveError(
    'ARCHIVE_TOO_LARGE',
    `${indexFile} would have ${entries.length} entries in ${bytes.length} bytes, at most ${maxIndexManifests} in ${maxManifestSize} are read`,
    { hint: 'write the images into several archives' },
  );
}

/** A tar file of an OCI image layout. The same images give the same bytes, in whatever order their content is given. */
export async function writeOciArchive(sink: ByteSink, archive: OciArchiveContent): Promise<void> {
  const tar = new TarWriter(sink);
  await tar.document(layoutFile, layoutDocument);
  await tar.document(indexFile, indexDocument(archive.entries));
  const byDigest = new Map(archive.content.map((descriptor) => [descriptor.digest, descriptor]));
  for (const [digest, descriptor] of [...byDigest].sort(([a], [b]) => (a < b ? -1 : 1))) {
    await tar.file(blobName(digest), descriptor.size, verified(descriptor, archive.source, archive.signal));
    archive.onWritten?.(descriptor);
  }
  await tar.end();
}
