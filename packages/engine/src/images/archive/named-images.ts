import { type ArchivedImage, type ImageArchive, wholeName } from '@slipway/archives';
import { hostPlatform, parseReference, quote, selectManifests } from '@slipway/oci';
import { type Descriptor, type Platform, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../../settings.js';
import { newName } from '../made/new-name.js';

export interface NamedImage {
  /** In full. */
  readonly name: string;
  readonly target: Descriptor;
}

/**
 * What is to be recorded of an archive: every name that it gives, or for its one image the name that the user gives. Nothing else gets a new meaning.
 * Errors: `invalid-argument` when an image has no name, or a name two images.
 */
export function namedImages(
  parts: EngineParts,
  archive: ImageArchive,
  given: string | undefined,
  platform: Platform | undefined,
): NamedImage[] {
  if (archive.images.length === 0) throw refused('ARCHIVE_EMPTY', `${archive.what} has no images`);
  if (given !== undefined) return [{ name: newName(parts, given), target: onlyTarget(archive) }];
  const targets = new Map<string, Descriptor[]>();
  for (const image of archive.images) {
    for (const name of namesOf(archive, image)) targets.set(name, [...(targets.get(name) ?? []), image.target]);
  }
  return [...targets].map(([name, found]) => ({ name, target: chosen(archive, name, found, platform) }));
}

/** In full. A tag alone says nothing of the repository. */
function namesOf(archive: ImageArchive, { names, target }: ArchivedImage): readonly string[] {
  const whole = names.map((name) => wholeName(name, archive.kind)).filter((name) => name !== undefined);
  if (whole.length === 0)
    throw refused(
      'ARCHIVE_IMAGE_UNNAMED',
      `${archive.what} has an image "${target.digest}" without a name that is one here${names.length === 0 ? '' : `: it is called ${names.map((name) => quote(name)).join(', ')}`}`,
      archive.images.length === 1
        ? 'name it with --name'
        : 'load it alone: slipway pull oci-archive:FILE@DIGEST, or docker-archive:FILE@DIGEST',
    );
  for (const name of whole) {
    const { digest } = parseReference(name);
    if (digest !== undefined && digest !== target.digest)
      throw refused(
        'ARCHIVE_NAME_MISMATCH',
        `${archive.what} calls its image "${target.digest}" ${quote(name)}, which is another one`,
      );
  }
  return [...new Set(whole)];
}

function onlyTarget({ what, images }: ImageArchive): Descriptor {
  const [first] = images;
  if (first !== undefined && images.every(({ target }) => target.digest === first.target.digest)) return first.target;
  throw refused('ARCHIVE_IMAGE_AMBIGUOUS', `${what} has ${images.length} images, and one name is given`, 'leave --name out');
}

/** Several images of one name are those of several platforms (image-spec, image-layout.md), or there is no telling. */
function chosen(
  { what }: ImageArchive,
  name: string,
  targets: readonly Descriptor[],
  platform: Platform = hostPlatform(),
): Descriptor {
  const [first] = targets;
  if (first !== undefined && targets.every(({ digest }) => digest === first.digest)) return first;
  const [best] = targets.every((target) => target.platform !== undefined)
    ? selectManifests({ schemaVersion: 2, manifests: targets }, platform)
    : [];
  if (best !== undefined) return best;
  throw refused('ARCHIVE_IMAGE_AMBIGUOUS', `${what} calls ${targets.length} images ${quote(name)}`);
}

function refused(code: string, message: string, hint?: string): SlipwayError {
  return new SlipwayError({ kind: 'invalid-argument', code, message, hint });
}
