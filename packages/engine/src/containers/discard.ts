import { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import type { FoundContainer } from './find.js';
import { acquireContainer } from './make.js';

/**
 * Removes all of a container that does not run, under its lock. Whoever finds it removed, and this killed, finishes the rest. Errors: those of the row, which is first: as
 * long as that is there, so is the container.
 */
export async function discardContainer(
  parts: EngineParts,
  { id, row }: FoundContainer,
  { volumes = false }: { readonly volumes?: boolean } = {},
): Promise<void> {
  await using operation = Operation.begin(parts, 'remove');
  const held = acquireContainer(operation, { id, row }, { folder: true, volumes });
  try {
    await held.at(-1)?.release();
  } catch (error) {
    operation.handOver(held);
    throw error;
  }
}
