import { type SystemFailure, step } from '@slipway/plugin-api';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { deleteMarked } from './deletion.js';
import { deletionLock } from './deletion-lock.js';
import type { GarbageBlob } from './garbage.js';
import { blobsAtOnce, markForDeletion } from './mark-for-deletion.js';
import type { LiveMarks } from './marks.js';
import { failureOf } from './sweep-failure.js';

export interface SweptContent {
  readonly deleted: readonly GarbageBlob[];
  readonly failures: readonly SystemFailure[];
}

/** Deletes blobs some hundred at a time, so that no write of others waits for long, and what makes room makes it early. */
export async function sweepContent(
  parts: EngineParts,
  operation: Operation,
  marks: LiveMarks,
  candidates: readonly GarbageBlob[],
  signal: AbortSignal | undefined,
): Promise<SweptContent> {
  const deleted: GarbageBlob[] = [];
  const failures: SystemFailure[] = [];
  for (let at = 0; at < candidates.length; ) {
    using _lock = await deletionLock(parts.settings.root, signal);
    const chunk = candidates.slice(at, at + blobsAtOnce);
    const digests = chunk.map(({ digest }) => digest);
    const record = operation.acquire({ kind: 'deletion', operation: operation.id, digests });
    try {
      const { tried, marked } = await markForDeletion(parts.metadata, marks, operation.id, chunk);
      const done = await deleteMarked(
        parts,
        operation.id,
        marked.map(({ digest }) => digest),
      );
      record.forget();
      const gone = new Set(done.deleted);
      deleted.push(...marked.filter(({ digest }) => gone.has(digest)));
      failures.push(...done.failures);
      step('sweep.content', { blobs: gone.size });
      at += tried;
    } catch (error) {
      failures.push(failureOf(parts.log, `${candidates.length - at} blobs`, error));
      break;
    }
  }
  return { deleted, failures };
}
