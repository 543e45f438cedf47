import { type RemovedImage, type RemoveImageOptions, SlipwayError } from '@slipway/plugin-api';
import { imagesTable } from '../metadata/images.js';
import { rowKey } from '../metadata/rows.js';
import { sweep } from '../metadata/sweep.js';
import { changeNames } from '../names/change-names.js';
import { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { findImage, imageNotFound } from './describe.js';
import { imageUsers } from './users.js';

/** Removes the name, then whatever nothing refers to any more. */
export async function removeImage(
  parts: EngineParts,
  name: string,
  { force = false }: RemoveImageOptions,
): Promise<RemovedImage> {
  const { image, names } = findImage(parts, name);
  if (names.length > 1) {
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'IMAGE_HAS_SEVERAL_NAMES',
      message: `image ${JSON.stringify(name)} has ${names.length} names: ${names.join(', ')}`,
      hint: 'remove them by name',
      details: { names },
    });
  }
  const key = rowKey(image.name);
  await using operation = Operation.begin(parts, 'remove');
  await changeNames(parts, operation, (tx) => {
    const user = force ? undefined : imageUsers(tx).get(image.name);
    if (user !== undefined) throw inUse(image.name, user);
    if (!tx.delete(imagesTable, key)) throw imageNotFound(name);
  });
  const { content, snapshots, bytes, failures } = await sweep(parts, operation);
  return { name: image.name, content, snapshots: snapshots.map((snapshot) => snapshot.name), bytes, failures };
}

function inUse(name: string, why: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'IMAGE_IN_USE',
    message: `image "${name}" is in use: ${why}`,
    hint: 'remove what uses it first, or only the name, with --force',
    details: { name },
  });
}
