import { type ArchivedImage, type ArchiveErrorCode, archiveErrorKinds, type ImageArchive, isCalled } from '@slipway/archives';
import { digestOf, maxManifestSize, neutralize, parseDigest, parseManifestDocument } from '@slipway/oci';
import { type Descriptor, type Digest, SlipwayError } from '@slipway/plugin-api';
import type { ArchiveName } from './archive-name.js';

/**
 * What a name means in an archive. With a digest, that content. With a reference, the image of that name. Without either the one image of it; of several
 * the one without a name, or else the one called `latest`. Errors: `not-found`, `ARCHIVE_IMAGE_AMBIGUOUS`.
 */
export async function findImage(archive: ImageArchive, { reference, digest }: ArchiveName): Promise<Descriptor> {
  if (digest !== undefined) return byDigest(archive, digest);
  const { images, kind } = archive;
  if (reference !== undefined)
    return theOne(
      archive,
      images.filter(({ names }) => isCalled(names, reference, kind)),
      reference,
    );
  if (images.length < 2) return theOne(archive, images, undefined);
  const nameless = images.filter(({ names }) => names.length === 0);
  const latest = images.filter(({ names }) => names.includes('latest'));
  return theOne(archive, nameless.length > 0 ? nameless : latest.length > 0 ? latest : images, undefined);
}

function theOne(archive: ImageArchive, found: readonly ArchivedImage[], reference: string | undefined): Descriptor {
  const [first] = found;
  const which = reference === undefined ? 'image' : `image called ${JSON.stringify(reference)}`;
  if (first === undefined)
    throw failure('ARCHIVE_IMAGE_NOT_FOUND', `${archive.what} has no ${which}; it has ${list(archive.images)}`, {
      hint: 'what stands after the path and a colon is the name of the image in it',
      reference,
    });
  if (found.every(({ target }) => target.digest === first.target.digest)) return first.target;
  throw failure('ARCHIVE_IMAGE_AMBIGUOUS', `${archive.what} has more than one ${which}: ${list(found)}`, {
    hint: 'add the name of one, or its digest as @sha256:...',
    reference,
  });
}

/** An image of the index, or one that an index of it holds: then its media type stands in the document alone. */
async function byDigest(archive: ImageArchive, digest: Digest): Promise<Descriptor> {
  const listed = archive.images.find(({ target }) => target.digest === digest);
  if (listed !== undefined) return listed.target;
  await using file = await archive.open(digest);
  if (file === undefined || file.size > maxManifestSize)
    throw failure('ARCHIVE_MANIFEST_NOT_FOUND', `${archive.what} has no manifest "${digest}"`, { digest });
  const bytes = Buffer.alloc(file.size);
  const size = await file.read(bytes, 0);
  const found = digestOf(bytes.subarray(0, size), parseDigest(digest).algorithm);
  if (found !== digest)
    throw failure('ARCHIVE_CONTENT_MISMATCH', `${archive.what}: "${digest}" has bytes with the digest "${found}"`, { digest });
  const { mediaType } = parseManifestDocument(bytes);
  return { mediaType, digest, size };
}

const mostListed = 10;

function list(images: readonly ArchivedImage[]): string {
  if (images.length === 0) return 'none';
  const shown = images.slice(0, mostListed).map(({ names: [name], target }) => neutralize(name ?? `@${target.digest}`));
  return `${shown.join(', ')}${images.length > mostListed ? ` and ${images.length - mostListed} more` : ''}`;
}

export function failure(
  code: ArchiveErrorCode,
  message: string,
  { hint, ...details }: Readonly<Record<string, string | undefined>> = {},
): SlipwayError {
  return new SlipwayError({ kind: archiveErrorKinds[code], code, message, hint, details });
}
