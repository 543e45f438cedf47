import { type Descriptor, hasCode, SlipwayError } from '@slipway/plugin-api';

const code = 'SNAPSHOT_PARENT_GONE';

/** A removal in another process took the snapshot that a layer was to grow on. */
export function parentGone(layer: Descriptor, parent: string): SlipwayError {
  return new SlipwayError({
    kind: 'unavailable',
    code,
    message: `unpack of layer "${layer.digest}": snapshot "${parent}" below it was removed meanwhile`,
    details: { layer: layer.digest, parent },
  });
}

export function isParentGone(error: unknown): error is SlipwayError {
  return hasCode(error, code);
}
