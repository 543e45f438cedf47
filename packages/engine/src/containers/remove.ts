import { hasCode, type RemoveContainerOptions, SlipwayError, step } from '@slipway/plugin-api';
import { emitOfContainer } from '../events/emit.js';
import { settle } from '../operations/settle.js';
import type { EngineParts } from '../settings.js';
import { withContainer } from './container-lock.js';
import { discardContainer } from './discard.js';
import { containerById, type FoundContainer, lookUp } from './find.js';
import { containerState, runOperation } from './state.js';
import { endContainer } from './stop.js';

/** What runs is killed first, where that is asked for, without the lock that who starts or restarts it may have. */
export async function removeContainer(parts: EngineParts, id: string, options: RemoveContainerOptions): Promise<void> {
  const { force = false, volumes = false, signal } = options;
  const what = `remove container "${id}"`;
  if (force) await kill(parts, id, signal);
  try {
    await using _rest = await withContainer(parts, id, { what, signal }, async (container) => {
      if (force) await kill(parts, id, signal);
      const { status } = await containerState(parts, container);
      if (status !== 'created' && status !== 'exited') throw inUse(container, status);
      await settle(parts, runOperation(id), what, signal);
      // One that is removed when it ends has gone with its run.
      if (parts.metadata.read((tx) => lookUp(tx, id)) === undefined) return undefined;
      const operation = await discardContainer(parts, container, { volumes });
      step('remove.removed', { id });
      return operation;
    });
  } catch (error) {
    // Somebody else was first; after a kill that is as well.
    if (!force || !hasCode(error, 'CONTAINER_NOT_FOUND')) throw error;
  }
}

async function kill(parts: EngineParts, id: string, signal: AbortSignal | undefined): Promise<void> {
  const container = containerById(parts, id);
  if (await endContainer(parts, container, { timeoutMs: 0, stopSignal: 'SIGKILL', signal }))
    emitOfContainer(parts, 'kill', container, { signal: '9' });
}

function inUse({ id, row: { name } }: FoundContainer, status: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_RUNNING',
    message: `container ${JSON.stringify(name)} is not removed: it is ${status}`,
    hint: `stop it first, or remove it with --force`,
    details: { id, name, status },
  });
}
