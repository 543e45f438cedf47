import { isKind } from '@slipway/plugin-api';
import { findImage } from '../images/describe.js';
import type { ContainerRow } from '../metadata/containers.js';
import type { EngineParts } from '../settings.js';

/** Whether a container is of one of these images, by name, or by digest of the manifest it runs. */
export function imageAncestors(parts: EngineParts, images: readonly string[]): (row: ContainerRow) => boolean {
  const names = new Set(images.flatMap((image) => [image, ...namesOf(parts, image)]));
  return (row) => names.has(row.image) || names.has(row.manifest);
}

/** An image that is not here any more may still be what a container was made of, by the name that it has there. */
function namesOf(parts: EngineParts, image: string): string[] {
  try {
    const found = findImage(parts, image);
    return [found.image.name, ...found.names];
  } catch (error) {
    if (isKind(error, 'not-found', 'invalid-argument')) return [];
    throw error;
  }
}
