import { type Digest, SlipwayError } from '@slipway/plugin-api';
import { brokenImageHint } from '../pull/broken-image.js';
import type { UnpackLayer } from './context.js';

/** The uncompressed bytes must be those that the image config names (OCI image-spec, config.md). */
export function checkDiffId(layer: UnpackLayer, found: Digest): void {
  if (found === layer.diffId) return;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'DIFF_ID_MISMATCH',
    message: `layer "${layer.descriptor.digest}" unpacks to diff ID "${found}", the image config says "${layer.diffId}"`,
    hint: brokenImageHint,
    details: { layer: layer.descriptor.digest, found, expected: layer.diffId },
  });
}
