import type { Descriptor } from '@slipway/plugin-api';
import type { ArchiveName } from './archive-name.js';
import { failure } from './find-image.js';

/** A name with a digest is given to nothing else, and none to what is not there. Errors: `failed-precondition`. */
export function requireTarget({ text, digest }: ArchiveName, target: Descriptor, isThere: boolean): void {
  if (digest !== undefined && digest !== target.digest)
    throw failure(
      'ARCHIVE_CONTENT_MISMATCH',
      `${JSON.stringify(text)} cannot be given to "${target.digest}", which is another image`,
      {
        digest: target.digest,
      },
    );
  if (!isThere)
    throw failure('ARCHIVE_IMAGE_UNFIT', `${JSON.stringify(text)} cannot be given to "${target.digest}", which was not pushed`, {
      digest: target.digest,
    });
}
