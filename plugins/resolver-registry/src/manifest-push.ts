import { parseManifestDocument } from '@slipway/oci';
import { type Descriptor, type Fetcher, type PushOutcome, step } from '@slipway/plugin-api';
import { existsAt, putManifest, readManifest } from './manifest-put.js';
import { hasReferrersApi } from './referrers.js';
import { addReferrer } from './referrers-tag.js';
import type { PushPlace } from './upload-session.js';

/** Puts a manifest there under its digest, and where it has a subject sees to it that it is found from there. */
export async function pushManifest(
  place: PushPlace,
  descriptor: Descriptor,
  source: Fetcher,
  signal: AbortSignal | undefined,
): Promise<PushOutcome> {
  const bytes = await readManifest(place, descriptor, source, signal);
  const { subject, ...said } = subjectOf(bytes, descriptor.mediaType);
  const exists = await isThere(place, descriptor, signal);
  const isListed = exists ? undefined : await putManifest(place, descriptor, bytes, descriptor.digest, signal);
  if (subject !== undefined && !(isListed ?? (await hasReferrersApi(place, subject.digest, signal)))) {
    const { mediaType, digest } = descriptor;
    await addReferrer(place, subject.digest, { mediaType, digest, size: bytes.length, ...said }, signal);
  }
  step('push.manifest', { digest: descriptor.digest });
  return exists ? 'exists' : 'pushed';
}

async function isThere(place: PushPlace, { digest, mediaType }: Descriptor, signal: AbortSignal | undefined): Promise<boolean> {
  return existsAt(place, `manifests/${digest}`, { digest }, { accept: mediaType }, signal);
}

interface SubjectOf {
  readonly subject?: Descriptor | undefined;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a list of referrers says of a manifest (distribution-spec, "Listing Referrers"). */
function subjectOf(bytes: Buffer, mediaType: string): SubjectOf {
  const document = parseManifestDocument(bytes, mediaType);
  const { subject, artifactType, annotations } = document.kind === 'index' ? document.index : document.manifest;
  const type = artifactType ?? (document.kind === 'manifest' ? document.manifest.config.mediaType : undefined);
  return {
    subject,
    ...(type === undefined ? {} : { artifactType: type }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}
