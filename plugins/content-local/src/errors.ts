import { quote } from '@slipway/oci';
import { type Digest, SlipwayError } from '@slipway/plugin-api';

export const blobNotFound = (what: string, digest: Digest): SlipwayError =>
  new SlipwayError({
    kind: 'not-found',
    code: 'CONTENT_NOT_FOUND',
    message: `${what} ${quote(digest)}: no such blob`,
    details: { digest },
  });

export const blobExists = (what: string, digest: Digest): SlipwayError =>
  new SlipwayError({
    kind: 'already-exists',
    code: 'CONTENT_ALREADY_EXISTS',
    message: `${what}: the blob "${digest}" is there already`,
    details: { digest },
  });

export const ingestNotFound = (what: string, ref: string): SlipwayError =>
  new SlipwayError({
    kind: 'not-found',
    code: 'CONTENT_INGEST_NOT_FOUND',
    message: `${what} ${quote(ref)}: no such ingest`,
    details: { ref },
  });

export const ingestBusy = (what: string, ref: string): SlipwayError =>
  new SlipwayError({
    kind: 'unavailable',
    code: 'CONTENT_INGEST_BUSY',
    message: `${what} ${quote(ref)}: the ingest is open in another writer`,
    hint: 'try again when the other pull is done',
    details: { ref },
  });

export const sizeExceeded = (ref: string, expected: number, found: number): SlipwayError =>
  new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTENT_SIZE_EXCEEDED',
    message: `write ${quote(ref)}: found at least ${found} bytes, expected ${expected}`,
    hint: 'the source sends more than it announced: it is damaged or not to be trusted',
    details: { ref, expected, found },
  });

export const sizeMismatch = (ref: string, expected: number, found: number): SlipwayError =>
  new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTENT_SIZE_MISMATCH',
    message: `commit ${quote(ref)}: found ${found} bytes, expected ${expected}`,
    hint: 'the content was cut short or is damaged: fetch it again',
    details: { ref, expected, found },
  });

export const digestMismatch = (ref: string, expected: Digest, found: Digest): SlipwayError =>
  new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTENT_DIGEST_MISMATCH',
    message: `commit ${quote(ref)}: found digest "${found}", expected "${expected}"`,
    hint: 'the content is damaged or not what was asked for: fetch it again',
    details: { ref, expected, found },
  });

export const closed = (code: string, message: string): SlipwayError =>
  new SlipwayError({ kind: 'failed-precondition', code, message });
