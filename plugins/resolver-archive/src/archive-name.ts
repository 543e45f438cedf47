import type { ArchiveKind } from '@slipway/archives';
import { formatPathName, type PathName, parsePathName, quote, schemeOf } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';

/** Folder or file, and what is in it: `oci`, `oci-archive`, `docker-archive`. */
export const schemes = {
  oci: { kind: 'oci', place: 'folder' },
  'oci-archive': { kind: 'oci', place: 'file' },
  'docker-archive': { kind: 'docker', place: 'file' },
} as const satisfies Record<string, { readonly kind: ArchiveKind; readonly place: 'folder' | 'file' }>;

export type Scheme = keyof typeof schemes;

export interface ArchiveName extends PathName {
  readonly scheme: Scheme;
  /** As it is recorded. */
  readonly text: string;
}

/** Errors: `invalid-argument`. */
export function parseArchiveName(text: string): ArchiveName {
  const scheme = schemeOf(text);
  if (scheme === undefined || !Object.hasOwn(schemes, scheme))
    throw new SlipwayError({
      kind: 'invalid-argument',
      code: 'IMAGE_NAME_INVALID',
      message: `image name ${quote(text)} begins with none of ${Object.keys(schemes).join(':, ')}:`,
      hint: 'such a name looks like oci:DIRECTORY:TAG, oci-archive:FILE:TAG or docker-archive:FILE:NAME',
    });
  const name = parsePathName(text.slice(scheme.length + 1));
  return { ...name, scheme: scheme as Scheme, text: `${scheme}:${formatPathName(name)}` };
}
