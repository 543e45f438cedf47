import { formatReference, parseReference } from '@slipway/oci';
import { type Digest, type Image, type ReadTransaction, SlipwayError } from '@slipway/plugin-api';
import { contentTable } from '../metadata/content.js';
import { type ImageRow, imagesTable } from '../metadata/images.js';
import { contentRefs } from '../metadata/labels.js';
import { rowKey, rowName, rowPrefix } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';

export function listImages(parts: EngineParts): Image[] {
  return parts.metadata.read((tx) =>
    [...tx.entries(imagesTable, { prefix: rowPrefix })].map(([key, row]) => imageOf(tx, rowName(key), row)),
  );
}

/** By its full name, exactly as recorded. */
export function describeImage(parts: EngineParts, fullName: string): Image {
  const image = findByName(parts, fullName);
  if (image === undefined) throw imageNotFound(fullName);
  return image;
}

export function findByName(parts: EngineParts, fullName: string): Image | undefined {
  return parts.metadata.read((tx) => {
    const row = tx.get(imagesTable, rowKey(fullName));
    return row === undefined ? undefined : imageOf(tx, fullName, row);
  });
}

const digestPrefix = /^(?:sha(?:256|512):)?([0-9a-f]{4,128})$/;

/**
 * As people name images: in any form that can be pulled, or by digest or its beginning. A name that reads as both is a
 * name first.
 */
export function findImage(parts: EngineParts, text: string): Image {
  const hex = digestPrefix.exec(text)?.[1];
  const named = hex !== undefined && text.includes(':') ? undefined : findByName(parts, formatReference(parseReference(text)));
  if (named !== undefined) return named;
  const matches =
    hex === undefined ? [] : listImages(parts).filter((image) => image.target.digest.split(':')[1]?.startsWith(hex));
  const [first] = matches;
  if (first === undefined) throw imageNotFound(text);
  const digests = new Set(matches.map((image) => image.target.digest));
  if (digests.size === 1) return first;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'IMAGE_AMBIGUOUS',
    message: `${JSON.stringify(text)} is the beginning of ${digests.size} images: ${[...digests].join(', ')}`,
    hint: 'give more digits, or a name',
  });
}

export function imageNotFound(name: string): SlipwayError {
  return new SlipwayError({
    kind: 'not-found',
    code: 'IMAGE_NOT_FOUND',
    message: `no image ${JSON.stringify(name)} here`,
    hint: 'slipway images lists what is here; slipway pull brings it in',
    details: { name },
  });
}

function imageOf(tx: ReadTransaction, name: string, row: ImageRow): Image {
  return {
    name,
    target: row.target,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    size: presentBytes(tx, row.target.digest),
  };
}

function presentBytes(tx: ReadTransaction, target: Digest): number {
  const seen = new Set<Digest>();
  const pending = [target];
  let bytes = 0;
  for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
    const row = seen.has(digest) ? undefined : tx.get(contentTable, rowKey(digest));
    seen.add(digest);
    if (row === undefined || row.deletedBy !== undefined) continue;
    bytes += row.size;
    pending.push(...contentRefs(row.labels));
  }
  return bytes;
}
