import { type ErrorKind, SlipwayError } from '@slipway/plugin-api';

/** What is wrong with an archive, or with what is to go into one. */
export const archiveErrorKinds = {
  /** There is nothing at the path. */
  ARCHIVE_NOT_FOUND: 'not-found',
  /** No image of that name, or of that digest, is in it. */
  ARCHIVE_IMAGE_NOT_FOUND: 'not-found',
  ARCHIVE_MANIFEST_NOT_FOUND: 'not-found',
  ARCHIVE_BLOB_NOT_FOUND: 'not-found',
  /** It has several images, and the name says not which. */
  ARCHIVE_IMAGE_AMBIGUOUS: 'invalid-argument',
  /** It is no archive of images, or of another kind than the name says. */
  ARCHIVE_FORMAT_UNKNOWN: 'invalid-argument',
  /** A kind that is known and not read: docker-archives without manifest.json, bzip2, xz, sparse members. */
  ARCHIVE_FORMAT_UNSUPPORTED: 'unimplemented',
  /** A header, a member or a document of it is malformed. */
  ARCHIVE_INVALID: 'invalid-argument',
  /** A name or link in it leads out of it. */
  ARCHIVE_NAME_INVALID: 'invalid-argument',
  /** It ends inside a member, or its compressed data is damaged. */
  ARCHIVE_DAMAGED: 'data-loss',
  /** A limit of {@link ArchiveLimits} is passed. */
  ARCHIVE_TOO_LARGE: 'resource-exhausted',
  /** Bytes do not have the digest or size that was said. */
  ARCHIVE_CONTENT_MISMATCH: 'failed-precondition',
  /** An image cannot be written in this format. */
  ARCHIVE_IMAGE_UNFIT: 'failed-precondition',
} as const satisfies Record<string, ErrorKind>;

export type ArchiveErrorCode = keyof typeof archiveErrorKinds;

export function archiveError(
  code: ArchiveErrorCode,
  message: string,
  options: {
    readonly hint?: string | undefined;
    readonly cause?: unknown;
    readonly details?: Readonly<Record<string, unknown>>;
  } = {},
): SlipwayError {
  return new SlipwayError({ kind: archiveErrorKinds[code], code, message, ...options });
}
