import { setTimeout as sleep } from 'node:timers/promises';
import { SlipwayError, step, throwIfAborted } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { recoverOperation } from './recovery.js';

/** A monitor ends some milliseconds after its container; on a machine that is out of breath, later. */
const limitMs = 60_000;
const [shortestWaitMs, longestWaitMs] = [2, 100];

/**
 * Waits until an operation that is about to end has ended, and cleans up what it left. Afterwards there is no record of it.
 *
 * Errors: `unavailable` when it goes on, or something of it cannot be released now.
 */
export async function settle(parts: EngineParts, operation: string, what: string, signal?: AbortSignal): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (let wait = shortestWaitMs; ; wait = Math.min(wait * 2, longestWaitMs)) {
    throwIfAborted(what, signal);
    const recovered = await recoverOperation(parts, operation);
    if (recovered === 'gone') return;
    if (recovered === 'recovered') return void step('operation.settled', { id: operation });
    if (recovered !== 'live' || Date.now() > deadline) throw notSettled(what, operation, recovered);
    // Rejects only when aborted, which is told above.
    await sleep(wait, undefined, { signal }).catch(() => {});
  }
}

function notSettled(what: string, operation: string, found: 'live' | 'left' | 'failed'): SlipwayError {
  const why = { live: 'is still at work', left: 'is not ours to clean up', failed: 'could not be cleaned up' }[found];
  return new SlipwayError({
    kind: 'unavailable',
    code: 'CONTAINER_BUSY',
    message: `${what}: what ran before, operation "${operation}", ${why}`,
    hint: 'try again in a moment; the log says what could not be removed',
  });
}
