import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { throwIfAborted } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { readTrees } from '../tree-thread.js';
import { containerTrees, whileThere } from './container-trees.js';
import { findContainer } from './find.js';

/** Straight from the trees to the stream: a layer over nothing is a tar file of everything, and nothing is stored on the way. */
export async function exportContainer(
  parts: EngineParts,
  id: string,
  output: Writable,
  signal: AbortSignal | undefined,
): Promise<void> {
  const container = findContainer(parts, id);
  throwIfAborted(`export container ${JSON.stringify(id)}`, signal);
  await whileThere(parts, container, async () => {
    const { upper } = await containerTrees(parts, container, signal);
    await pipeline(readTrees({ kind: 'tar', trees: upper }, signal), output);
  });
}
