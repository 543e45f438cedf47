import type { LayerTarget } from '@slipway/plugin-api';

/** A tree that can be a target as well as lie below one. */
export type OwnTree = Pick<LayerTarget, 'format' | 'path'>;
