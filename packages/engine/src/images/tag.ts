import { type Image, SlipwayError } from '@slipway/plugin-api';
import { imagesTable } from '../metadata/images.js';
import { noteReferences } from '../metadata/references.js';
import { rowKey } from '../metadata/rows.js';
import { changeNames } from '../names/change-names.js';
import { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { findImage, imageNotFound, imageOf } from './describe.js';
import { fullName, referenceOf } from './image-names.js';

/** A further name for the same target. A name with a digest or a scheme says where content is, and cannot be given to other content. */
export async function tagImage(parts: EngineParts, source: string, name: string): Promise<Image> {
  const { image } = findImage(parts, source);
  const full = fullName(parts, name);
  const reference = referenceOf(parts, full);
  if (reference === undefined || reference.digest !== undefined) throw noTag(name);
  await using operation = Operation.begin(parts, 'tag');
  return await changeNames(parts, operation, (tx) => {
    const row = tx.get(imagesTable, rowKey(image.name));
    // Removed, or given to another image in this moment.
    if (row?.target.digest !== image.target.digest) throw imageNotFound(source);
    const now = new Date().toISOString();
    const tagged = { ...row, createdAt: tx.get(imagesTable, rowKey(full))?.createdAt ?? now, updatedAt: now };
    tx.put(imagesTable, rowKey(full), tagged);
    noteReferences(tx, { content: [row.target.digest] });
    return imageOf(tx, full, tagged);
  });
}

function noTag(name: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'TAG_NAME_INVALID',
    message: `${JSON.stringify(name)} cannot be given to an image: it has a digest or a scheme`,
    hint: 'give a name with a tag, as registry.example.com/app:1.2',
  });
}
