import { chainIds } from '@slipway/oci';
import { type Digest, SlipwayError } from '@slipway/plugin-api';
import type { UnpackContext, UnpackLayer } from './context.js';
import { isParentGone } from './parent-gone.js';
import { topmostExisting } from './snapshot-names.js';
import { unpackAbove } from './unpack-above.js';

/** Each is a removal that was at work when the pull began; there are not many of those. */
const maxMissedParents = 10;

/**
 * Applies each layer to a snapshot of the one before and keeps it under its chain ID. However many ask, in this process or
 * another, a chain ID is unpacked once. Layers are unpacked while others are still on their way, and where the
 * snapshotter and the differ can, side by side.
 *
 * @returns the chain ID of the top layer; undefined without layers
 */
export async function unpack(context: UnpackContext, layers: readonly UnpackLayer[]): Promise<Digest | undefined> {
  const chain = chainIds(layers.map((layer) => layer.diffId));
  for (let missed = 0; ; missed++) {
    try {
      await unpackAbove(context, layers, chain, await topmostExisting(context.snapshotter, chain));
      return chain.at(-1);
    } catch (error) {
      if (!isParentGone(error)) throw error;
      // Taken by a removal in another process that had begun before this image was leased: those that begin later keep it.
      if (missed === maxMissedParents) throw goneTooOften(error);
    }
  }
}

function goneTooOften(cause: SlipwayError): SlipwayError {
  return new SlipwayError({
    kind: 'unavailable',
    code: 'SNAPSHOT_PARENT_GONE',
    message: `${cause.message}, ${maxMissedParents + 1} times in a row`,
    hint: 'pull again when nothing is removed at the same time',
    details: cause.details,
  });
}
