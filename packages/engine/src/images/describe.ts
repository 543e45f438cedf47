import { maxNameBytes } from '@slipway/oci';
import { type Digest, type Image, type ReadTransaction, SlipwayError } from '@slipway/plugin-api';
import { contentTable } from '../metadata/content.js';
import { type ImageRow, imagesTable } from '../metadata/images.js';
import { contentRefs } from '../metadata/labels.js';
import { rowKey, rowName, rowPrefix } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';
import { fullName } from './image-names.js';

export function allImages(parts: EngineParts): Image[] {
  return parts.metadata.read((tx) =>
    [...tx.entries(imagesTable, { prefix: rowPrefix })].map(([key, row]) => imageOf(tx, rowName(key), row)),
  );
}

/** By its full name, exactly as recorded. */
export function findByName(parts: EngineParts, fullName: string): Image | undefined {
  return parts.metadata.read((tx) => {
    const row = tx.get(imagesTable, rowKey(fullName));
    return row === undefined ? undefined : imageOf(tx, fullName, row);
  });
}

const digestPrefix = /^(?:sha(?:256|512):)?([0-9a-f]{4,128})$/;

export interface FoundImage {
  readonly image: Image;
  /** Every name of it; one when it was asked for by name. */
  readonly names: readonly string[];
}

/**
 * As people name images: in any form that can be pulled, or by digest or its beginning. What reads as both is a name first.
 */
export function findImage(parts: EngineParts, text: string): FoundImage {
  const recorded = Buffer.byteLength(text) > maxNameBytes ? undefined : byName(parts, text);
  if (recorded !== undefined) return recorded;
  const hex = digestPrefix.exec(text)?.[1];
  if (hex === undefined) return byName(parts, fullName(parts, text)) ?? notHere(text);
  return (isShortName(text) ? byName(parts, fullName(parts, text)) : undefined) ?? byDigest(parts, text, hex);
}

/** 64 hexadecimal digits are a digest and never a name, and neither is what has a colon here. */
function isShortName(text: string): boolean {
  return text.length < 64 && !text.includes(':');
}

function byName(parts: EngineParts, name: string): FoundImage | undefined {
  const image = findByName(parts, name);
  return image === undefined ? undefined : { image, names: [image.name] };
}

function byDigest(parts: EngineParts, text: string, hex: string): FoundImage {
  const matches = allImages(parts).filter((image) => image.target.digest.split(':')[1]?.startsWith(hex));
  const digests = new Set(matches.map((image) => image.target.digest));
  if (digests.size > 1) {
    throw new SlipwayError({
      kind: 'invalid-argument',
      code: 'IMAGE_AMBIGUOUS',
      message: `${JSON.stringify(text)} is the beginning of ${digests.size} images: ${[...digests].join(', ')}`,
      hint: 'give more digits, or a name',
    });
  }
  const [image] = matches;
  return image === undefined ? notHere(text) : { image, names: matches.map((match) => match.name) };
}

function notHere(text: string): never {
  throw imageNotFound(text);
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

export function imageOf(tx: ReadTransaction, name: string, row: ImageRow): Image {
  return {
    name,
    target: row.target,
    ...(row.created === undefined ? {} : { created: row.created }),
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
