import type { Digest } from '@slipway/plugin-api';
import { digestOf, parseDigest } from './digest.js';

/**
 * The chain ID of every layer, bottom first: what identifies the result of applying the layers up to it (OCI image-spec,
 * config.md, "Layer ChainID"). Always sha256, whatever the algorithm of the diffIDs.
 *
 * Errors: `invalid-argument` for what is no digest.
 */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    parseDigest(diffId);
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : digestOf(`${parent} ${diffId}`));
  }
  return chain;
}
