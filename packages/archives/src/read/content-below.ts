import { isIndexType, isManifestType, maxManifestSize, parseManifestDocument } from '@slipway/oci';
import { type Descriptor, type Digest, isKind, throwIfAborted } from '@slipway/plugin-api';
import { archiveError } from '../errors.js';
import type { ArchiveFile } from './files.js';

const maxContent = 65_536;

/** These and all that they refer to, of what is there: an index stands for more than an archive has. */
export async function contentBelow(
  targets: readonly Descriptor[],
  open: (digest: Digest) => Promise<ArchiveFile | undefined>,
  signal?: AbortSignal,
): Promise<Descriptor[]> {
  const found = new Map<Digest, Descriptor>();
  const pending = [...targets];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { mediaType, digest } = next;
    if (found.has(digest)) continue;
    throwIfAborted('list of content', signal);
    await using file = await open(digest);
    if (file === undefined) continue;
    if (found.size === maxContent) throw archiveError('ARCHIVE_TOO_LARGE', `images have more than ${maxContent} blobs`);
    found.set(digest, { mediaType, digest, size: file.size });
    const isDocument = isIndexType(mediaType) || isManifestType(mediaType);
    if (isDocument && file.size <= maxManifestSize)
      pending.push(...(await childrenOf(file, mediaType)).filter((child) => !found.has(child.digest)));
  }
  return [...found.values()];
}

/** None of a document that is broken: nobody can use it. */
async function childrenOf(file: ArchiveFile, mediaType: string): Promise<readonly Descriptor[]> {
  const bytes = Buffer.alloc(file.size);
  await file.read(bytes, 0);
  try {
    const document = parseManifestDocument(bytes, mediaType);
    return document.kind === 'index' ? document.index.manifests : [document.manifest.config, ...document.manifest.layers];
  } catch (error) {
    if (isKind(error, 'invalid-argument', 'resource-exhausted', 'unimplemented')) return [];
    throw error;
  }
}
