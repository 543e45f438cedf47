import { step } from '@slipway/plugin-api';
import { sweep } from '../metadata/sweep.js';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';

/**
 * Removes layers that have been unpacked and that no label keeps, and with them all other garbage. The image is there, whatever
 * comes of this: what cannot be removed now goes with the next sweep.
 */
export async function discardLayers(parts: EngineParts, operation: Operation): Promise<void> {
  try {
    const { content, failures } = await sweep(parts, operation);
    for (const { message } of failures) parts.log.warn(message);
    step('layers.discarded', { blobs: content.length });
  } catch (error) {
    parts.log.warn(`discard of unpacked layers: ${String(error)}`);
  }
}
