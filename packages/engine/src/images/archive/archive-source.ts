import { contentOf, type ImageArchive, wholeName } from '@slipway/archives';
import { type Descriptor, type Digest, type Fetcher, type PolicySource, SlipwayError } from '@slipway/plugin-api';

/** The content of an archive as a source to bring in from. */
export function archiveFetcher(archive: ImageArchive): Fetcher {
  return {
    fetch: async ({ digest, size }, { offset = 0 } = {}) => {
      const file = await archive.open(digest);
      if (file === undefined) throw missing(archive, digest);
      if (file.size !== size) {
        await file[Symbol.asyncDispose]();
        throw new SlipwayError({
          kind: 'failed-precondition',
          code: 'ARCHIVE_CONTENT_MISMATCH',
          message: `${archive.what}: "${digest}" has ${file.size} bytes, expected ${size}`,
          details: { digest },
        });
      }
      return { offset, body: contentOf(file, offset), [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() };
    },
  };
}

/** Signatures may lie beside the image, under the names that they would have in its repository. */
export function archivePolicySource(archive: ImageArchive): PolicySource {
  return {
    resolve: async (name) => {
      const found = archive.images.find(({ names }) => names.some((one) => wholeName(one, archive.kind) === name));
      if (found === undefined)
        throw new SlipwayError({
          kind: 'not-found',
          code: 'ARCHIVE_IMAGE_NOT_FOUND',
          message: `${archive.what} has no image ${JSON.stringify(name)}`,
        });
      return { name, descriptor: found.target };
    },
    referrers: async () => [],
    fetcher: archiveFetcher(archive),
  };
}

/** Whether all of these are in the archive, in their sizes. */
export async function hasAll(archive: ImageArchive, content: readonly Descriptor[]): Promise<boolean> {
  for (const { digest, size } of content) {
    await using file = await archive.open(digest);
    if (file?.size !== size) return false;
  }
  return true;
}

function missing({ what }: ImageArchive, digest: Digest): SlipwayError {
  return new SlipwayError({
    kind: 'not-found',
    code: 'ARCHIVE_BLOB_NOT_FOUND',
    message: `${what} has no content "${digest}"`,
    details: { digest },
  });
}
