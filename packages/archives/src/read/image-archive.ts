import type { Descriptor, Digest } from '@slipway/plugin-api';
import type { ArchiveFile } from './files.js';

export type ArchiveKind = 'oci' | 'docker';

/** One image that an archive states. */
export interface ArchivedImage {
  readonly target: Descriptor;
  /** What the archive calls it, as it stands there: `docker.io/library/alpine:3.20`, `latest`, `v1`. None when it has no name. */
  readonly names: readonly string[];
}

/** An archive of images, open for reading. What it says is checked for its form; bytes of content are for the reader to verify. */
export interface ImageArchive extends AsyncDisposable {
  readonly kind: ArchiveKind;
  readonly what: string;
  /** As the archive lists them. */
  readonly images: readonly ArchivedImage[];
  /** The entries of a layout's index, as they stand there. None of a docker-archive. */
  readonly entries: readonly Descriptor[];
  /** Content by its digest. Undefined when it is not there. */
  open(digest: Digest): Promise<ArchiveFile | undefined>;
}

/** A file of bytes that are in memory. */
export function memoryFile(bytes: Buffer): ArchiveFile {
  return {
    size: bytes.length,
    read: async (target, position) => bytes.copy(target, 0, position),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
