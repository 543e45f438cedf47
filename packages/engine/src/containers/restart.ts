import { SlipwayError, type StopOptions } from '@slipway/plugin-api';
import { emitOfContainer } from '../events/emit.js';
import type { EngineParts } from '../settings.js';
import { withContainer } from './container-lock.js';
import { startAgain } from './start.js';
import { endContainer } from './stop.js';

/** Under its lock from the stop to the start: nobody starts or removes it between them. */
export async function restartContainer(parts: EngineParts, id: string, options: StopOptions): Promise<void> {
  const what = `restart container "${id}"`;
  await withContainer(parts, id, { what, signal: options.signal }, async (container) => {
    const { name, removeAtExit } = container.row;
    if (removeAtExit) {
      throw new SlipwayError({
        kind: 'failed-precondition',
        code: 'CONTAINER_REMOVED_AT_EXIT',
        message: `container ${JSON.stringify(name)} cannot be restarted: it is removed when it ends`,
        hint: 'run another, without --rm',
      });
    }
    await endContainer(parts, container, options);
    await startAgain(parts, id, { signal: options.signal });
    emitOfContainer(parts, 'restart', container);
  });
}
