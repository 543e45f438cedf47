import { formatReference, parseReference, recordedReference } from '@slipway/oci';
import type { Descriptor } from '@slipway/plugin-api';
import type { ArchiveKind } from '../read/image-archive.js';
import { imageNameAnnotation, isArtifactEntry, refNameAnnotation } from '../read/oci-layout.js';

/** An entry of a layout's index for an image whose name is known in full: the tag for readers of the spec, the name for containerd and Docker. */
export function namedEntry(target: Descriptor, fullName: string | undefined): Descriptor {
  const reference = fullName === undefined ? undefined : recordedReference(fullName);
  if (reference === undefined) return target;
  const tag = reference.tag === undefined ? {} : { [refNameAnnotation]: reference.tag };
  return annotated(target, { ...tag, [imageNameAnnotation]: formatReference(reference) });
}

/** An entry for what a user calls the image in the layout: `latest`, `v1`, `docker.io/library/alpine:3.20`. */
export function referredEntry(target: Descriptor, ref: string | undefined): Descriptor {
  if (ref === undefined) return target;
  const whole = wholeName(ref, 'oci');
  return annotated(target, { [refNameAnnotation]: ref, ...(whole === undefined ? {} : { [imageNameAnnotation]: whole }) });
}

/** Whether one of the names of an image in an archive is what a user calls it. */
export function isCalled(names: readonly string[], ref: string, kind: ArchiveKind): boolean {
  if (names.includes(ref)) return true;
  const whole = wholeName(ref, kind);
  return whole !== undefined && names.some((name) => wholeName(name, kind) === whole);
}

/** The reference in full that an archive's name stands for. Undefined for none, and for a tag alone, which a layout may have for a name. */
export function wholeName(name: string, kind: ArchiveKind): string | undefined {
  if (kind === 'oci' && !/[/:@]/.test(name)) return undefined;
  try {
    return formatReference(parseReference(name));
  } catch {
    return undefined;
  }
}

function annotated(target: Descriptor, names: Readonly<Record<string, string>>): Descriptor {
  return { ...target, annotations: { ...target.annotations, ...names } };
}

/** The entries of an index with these added. What had one of their names before loses it. */
export function withEntries(before: readonly unknown[], added: readonly Descriptor[]): unknown[] {
  return [...before.filter((one) => !added.some((entry) => replaces(entry, one as Descriptor))), ...added];
}

/** Whether an image loses its entry to a new one: the same image, or another one of the same name. */
function replaces(entry: Descriptor, other: Descriptor): boolean {
  if (isArtifactEntry(entry) || isArtifactEntry(other)) return isArtifactEntry(entry) && entry.digest === other.digest;
  const [own, its] = [entry.annotations ?? {}, other.annotations ?? {}];
  const [image, otherImage] = [own[imageNameAnnotation], its[imageNameAnnotation]];
  const [ref, otherRef] = [own[refNameAnnotation], its[refNameAnnotation]];
  // Tags of two repositories are two names.
  if (image !== undefined && otherImage !== undefined) return image === otherImage;
  if (image !== undefined && image === otherRef) return true;
  if (image === undefined && ref === undefined) return otherImage === undefined && otherRef === undefined;
  return image === undefined && (ref === otherRef || ref === otherImage);
}
