import type { Digest } from '@slipway/plugin-api';
import { addToLease, dropLease } from '../metadata/leases.js';
import type { EngineParts } from '../settings.js';
import type { Operation } from './operation.js';

/** Content that is read for longer than a moment: no sweep takes it away meanwhile, and nothing is kept once the operation has ended. */
export async function keepContent(parts: EngineParts, operation: Operation, content: readonly Digest[]): Promise<void> {
  operation.acquire({ kind: 'kept-content', id: operation.id });
  await parts.metadata.write((tx) => addToLease(tx, operation.id, { content }));
}

/** Unlike a lease on what was brought in, it leaves nothing for a retry: whoever named the content has it still. */
export async function releaseKeptContent(parts: Pick<EngineParts, 'metadata'>, id: string): Promise<void> {
  await parts.metadata.write((tx) => dropLease(tx, id));
}
