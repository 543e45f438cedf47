import { type RemovedImage, SlipwayError } from '@slipway/plugin-api';
import { containersTable } from '../metadata/containers.js';
import { imagesTable } from '../metadata/images.js';
import { imageMountsTable } from '../metadata/mounts.js';
import { rowKey, rowName, rowPrefix } from '../metadata/rows.js';
import { sweep } from '../metadata/sweep.js';
import { changeNames } from '../names/change-names.js';
import { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { findImage, imageNotFound } from './describe.js';

/** Removes the name, then whatever nothing refers to any more. */
export async function removeImage(parts: EngineParts, name: string): Promise<RemovedImage> {
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
    for (const [containerKey, container] of tx.entries(containersTable, { prefix: rowPrefix })) {
      if (container.image === image.name) throw inUse(image.name, `container "${rowName(containerKey)}" runs it`);
    }
    for (const [directory, mount] of tx.entries(imageMountsTable, { prefix: rowPrefix })) {
      if (mount.image === image.name) throw inUse(image.name, `it is mounted on "${rowName(directory)}"`);
    }
    if (!tx.delete(imagesTable, key)) throw imageNotFound(name);
  });
  return { name: image.name, ...(await sweep(parts, operation)) };
}

function inUse(name: string, why: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'IMAGE_IN_USE',
    message: `image "${name}" is in use: ${why}`,
    hint: 'end what uses it first',
    details: { name },
  });
}
