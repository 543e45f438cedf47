import { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import type { FoundContainer } from './find.js';
import { acquireContainer } from './make.js';

/**
 * Removes the row of a container that does not run, under its lock. Ending the operation removes the rest, which needs no lock: nobody finds the container any more. Whoever is killed
 * with the lock leaves a record, with which the lock's file goes, too. Errors: those of the row; as long as that is there, so is the container.
 */
export async function discardContainer(
  parts: EngineParts,
  { id, row }: FoundContainer,
  { volumes = false }: { readonly volumes?: boolean } = {},
): Promise<Operation> {
  const operation = Operation.begin(parts, 'remove');
  const held = acquireContainer(operation, { id, row }, { folder: true, volumes });
  try {
    await held.at(-1)?.release();
    return operation;
  } catch (error) {
    operation.handOver(held);
    await operation.end();
    throw error;
  }
}
