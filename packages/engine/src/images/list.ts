import path from 'node:path';
import { formatReference } from '@slipway/oci';
import { type Image, isKind, type ListImagesOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { allImages, findImage } from './describe.js';
import { referenceOf } from './image-names.js';

/** Filters that need no document of an image go first. */
export async function listImages(parts: EngineParts, options: ListImagesOptions): Promise<readonly Image[]> {
  const { references = [], labels = [], before, since } = options;
  let images = allImages(parts);
  if (references.length > 0) {
    images = images.filter(({ name }) =>
      formsOf(parts, name).some((form) => references.some((pattern) => path.matchesGlob(form, pattern))),
    );
  }
  if (before !== undefined) {
    const limit = madeAt(findImage(parts, before).image);
    images = images.filter((image) => madeAt(image) < limit);
  }
  if (since !== undefined) {
    const limit = madeAt(findImage(parts, since).image);
    images = images.filter((image) => madeAt(image) > limit);
  }
  if (labels.length === 0) return images;
  const labelled: Image[] = [];
  for (const image of images) if (hasLabels(await labelsOf(parts, image), labels)) labelled.push(image);
  return labelled;
}

/** An image that does not say when it was made counts as old as can be. */
function madeAt({ created }: Image): number {
  return created === undefined ? Number.NEGATIVE_INFINITY : Date.parse(created);
}

/** How people write this name: with and without the tag, in full and without what is understood. */
function formsOf(parts: EngineParts, name: string): string[] {
  const reference = referenceOf(parts, name);
  if (reference === undefined) return [name];
  const { registry, repository, tag } = reference;
  const place = formatReference({ registry, repository });
  const short = place.replace(/^docker\.io\/(?:library\/)?/, '');
  return [name, ...[place, short].flatMap((form) => (tag === undefined ? [form] : [form, `${form}:${tag}`]))];
}

function hasLabels(found: Readonly<Record<string, string>>, wanted: readonly string[]): boolean {
  return wanted.every((label) => {
    const equals = label.indexOf('=');
    if (equals < 0) return Object.hasOwn(found, label);
    const key = label.slice(0, equals);
    return Object.hasOwn(found, key) && found[key] === label.slice(equals + 1);
  });
}

async function labelsOf(parts: EngineParts, { target }: Image): Promise<Readonly<Record<string, string>>> {
  // Most lists ask for no labels, and need nothing of the documents of images.
  const { loadImage } = await import('../pull/load-image.js');
  try {
    return (await loadImage(parts.content, target, undefined)).config.config?.Labels ?? {};
  } catch (error) {
    // Only another platform of it is here.
    if (isKind(error, 'not-found')) return {};
    throw error;
  }
}
