import { setTimeout as sleep } from 'node:timers/promises';
import { isSlipwayError } from '@slipway/plugin-api';
import { recoverOperation } from '../operations/recovery.js';
import type { EngineParts } from '../settings.js';
import { type FoundContainer, lookUp } from './find.js';
import { containerState, runOperation } from './state.js';

/** For what another process removes, which takes a fraction of a second. */
const patienceMs = 10_000;
const lookMs = 20;

/**
 * Whether a name that was taken is free by now: its container had ended, was to be removed then, and another process was about that. Waits for the end of it.
 * @param error that of the attempt to take the name
 */
export async function nameWasFreed(parts: EngineParts, error: unknown): Promise<boolean> {
  if (!isSlipwayError(error) || error.code !== 'CONTAINER_EXISTS') return false;
  const id = String(error.details?.['id']);
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(lookMs)) {
    const container = find(parts, id);
    if (container === undefined) return true;
    if (!container.row.removeAtExit) return false;
    const { status } = await containerState(parts, container);
    if (status === 'running' || status === 'paused' || status === 'restarting') return false;
    if ((await recoverOperation(parts, runOperation(id))) === 'gone') return find(parts, id) === undefined;
  }
  return false;
}

function find(parts: EngineParts, id: string): FoundContainer | undefined {
  return parts.metadata.read((tx) => lookUp(tx, id));
}
