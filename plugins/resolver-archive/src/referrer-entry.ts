import { type ArchiveFile, referrerOf } from '@slipway/archives';
import type { Descriptor, Digest } from '@slipway/plugin-api';

/** The entry by which a manifest that was pushed is found among the referrers of its subject. Undefined for what refers to nothing. */
export async function referrerEntry(
  descriptor: Descriptor,
  open: (digest: Digest) => Promise<ArchiveFile | undefined>,
): Promise<Descriptor | undefined> {
  await using file = await open(descriptor.digest);
  const found = file === undefined ? undefined : await referrerOf(descriptor, file);
  if (found === undefined) return undefined;
  const { mediaType, digest, size, artifactType } = found.descriptor;
  return { mediaType, digest, size, artifactType };
}
