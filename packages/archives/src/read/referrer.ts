import { isManifestType, maxManifestSize, parseManifestDocument } from '@slipway/oci';
import { type Descriptor, type Digest, isKind } from '@slipway/plugin-api';
import type { ArchiveFile } from './files.js';

/** A manifest that refers to another one (image-spec, manifest.md, "subject"), as it is listed among its referrers. */
export interface Referrer {
  readonly subject: Digest;
  readonly descriptor: Descriptor & { readonly artifactType: string };
}

/** Undefined for content that is no manifest, is broken, or refers to nothing. */
export async function referrerOf({ mediaType, digest, size }: Descriptor, file: ArchiveFile): Promise<Referrer | undefined> {
  if (!isManifestType(mediaType) || file.size > maxManifestSize) return undefined;
  const bytes = Buffer.alloc(file.size);
  await file.read(bytes, 0);
  try {
    const document = parseManifestDocument(bytes, mediaType);
    if (document.kind === 'index' || document.manifest.subject === undefined) return undefined;
    const { subject, artifactType, config, annotations } = document.manifest;
    const descriptor = { mediaType, digest, size, artifactType: artifactType ?? config.mediaType };
    return { subject: subject.digest, descriptor: annotations === undefined ? descriptor : { ...descriptor, annotations } };
  } catch (error) {
    if (isKind(error, 'invalid-argument', 'resource-exhausted', 'unimplemented')) return undefined;
    throw error;
  }
}
