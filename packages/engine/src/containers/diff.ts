import type { Change } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { changesBetween } from '../trees/changes.js';
import { containerTrees, whileThere } from './container-trees.js';
import { findContainer } from './find.js';

export async function diffContainer(parts: EngineParts, id: string, signal: AbortSignal | undefined): Promise<readonly Change[]> {
  const container = findContainer(parts, id);
  return whileThere(parts, container, async () => {
    const { lower, upper } = await containerTrees(parts, container, signal);
    return changesBetween(lower, upper, signal);
  });
}
