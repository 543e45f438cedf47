import { SlipwayError } from '@slipway/plugin-api';
import { emitOfContainer } from '../events/emit.js';
import type { EngineParts } from '../settings.js';
import { requireRunning } from './runtime-of.js';

/** Errors: `failed-precondition` (does not run, is paused already), `unimplemented`. */
export async function pauseContainer(parts: EngineParts, id: string): Promise<void> {
  const container = await requireRunning(parts, id);
  await container.runtime.pause(id);
  emitOfContainer(parts, 'pause', container);
}

/** Errors: `failed-precondition` (does not run, is not paused). */
export async function unpauseContainer(parts: EngineParts, id: string): Promise<void> {
  const container = await requireRunning(parts, id, { pausedToo: true });
  const { name } = container.row;
  if (container.state.status !== 'paused') {
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'CONTAINER_NOT_PAUSED',
      message: `container ${JSON.stringify(name)} is not paused`,
      details: { id, name },
    });
  }
  await container.runtime.resume(id);
  emitOfContainer(parts, 'unpause', container);
}
