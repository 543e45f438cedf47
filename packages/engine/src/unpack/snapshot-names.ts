import { randomBytes } from 'node:crypto';
import { type Digest, isKind, type Snapshotter } from '@slipway/plugin-api';

/** As containerd names them, so that tools that know its keys know ours. */
export function extractionKey(chainId: Digest): string {
  const nanoseconds = process.hrtime.bigint() % 1_000_000_000n;
  return `extract-${nanoseconds}-${randomBytes(6).toString('base64url')} ${chainId}`;
}

export async function exists(snapshotter: Snapshotter, name: string): Promise<boolean> {
  try {
    await snapshotter.stat(name);
    return true;
  } catch (error) {
    if (isKind(error, 'not-found')) return false;
    throw error;
  }
}

/** A snapshot keeps its parents, so what lies below an existing one exists. */
export async function topmostExisting(snapshotter: Snapshotter, chain: readonly Digest[]): Promise<number> {
  for (let index = chain.length - 1; index >= 0; index--) {
    if (await exists(snapshotter, chain[index] as Digest)) return index;
  }
  return -1;
}
