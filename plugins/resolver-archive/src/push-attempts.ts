import { setTimeout as sleep } from 'node:timers/promises';
import { parseDigest } from '@slipway/oci';
import { canceled, type Descriptor, isKind, throwIfAborted } from '@slipway/plugin-api';

const maxAttempts = 5;

/** Reads the source again from its beginning when it breaks off. Errors: as `attempt`; `canceled`; `invalid-argument` for a digest that is none. */
export async function pushAttempts({ digest }: Descriptor, signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
  const what = `push of "${digest}"`;
  parseDigest(digest);
  for (let attempts = 1; ; attempts++) {
    throwIfAborted(what, signal);
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) throw canceled(what, signal);
      if (!isKind(error, 'unavailable') || attempts === maxAttempts) throw error;
      await sleep(50 * 2 ** attempts * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined);
    }
  }
}
