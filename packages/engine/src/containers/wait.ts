import { setTimeout as sleep } from 'node:timers/promises';
import { type ExitStatus, isKind, throwIfAborted, type WaitForOptions } from '@slipway/plugin-api';
import { recoverOperation } from '../operations/recovery.js';
import type { EngineParts } from '../settings.js';
import { exitOf, goneUnseen, neverRan } from './exit-of.js';
import { containerById, containerNotFound, type FoundContainer, lookUp } from './find.js';
import { runtimeOf } from './runtime-of.js';
import { type ContainerState, containerState, runOperation } from './state.js';
import { waitForNextExit } from './wait-next-exit.js';

/** Where nothing tells of a change: how long until we look again. */
const [shortestWaitMs, longestWaitMs] = [10, 200];

export function waitForContainer(parts: EngineParts, id: string, options: WaitForOptions): Promise<ExitStatus> {
  const { until = 'exit', signal } = options;
  const container = containerById(parts, id);
  if (until === 'removed') return waitForRemoval(parts, container, signal);
  return until === 'exit' ? waitForExit(parts, container, signal) : waitForNextExit(parts, container, signal);
}

/** It ends by itself, is cleaned up by somebody, or is removed: each may be first. */
async function waitForExit(parts: EngineParts, container: FoundContainer, signal: AbortSignal | undefined): Promise<ExitStatus> {
  const { id, row } = container;
  let isSeen = false;
  for (let wait = shortestWaitMs; ; wait = nextWait(wait)) {
    throwIfAborted(`wait for container "${id}"`, signal);
    const state = await containerState(parts, container);
    if (state.status === 'exited' || (state.exit !== undefined && state.status === 'created')) return exitOf(container, state);
    if (state.status === 'created') {
      if (parts.metadata.read((tx) => lookUp(tx, id)) === undefined) throw isSeen ? goneUnseen(container) : containerNotFound(id);
      // It is being started, or has ended and is being removed: its status goes before its row.
      const record = await recoverOperation(parts, runOperation(id));
      if (record !== 'live' && record !== 'recovered') throw neverRan(container);
      isSeen = true;
      await pause(wait, signal);
      continue;
    }
    isSeen = true;
    try {
      return await (await runtimeOf(parts, row)).wait(id, { signal });
    } catch (error) {
      if (!isKind(error, 'not-found')) throw error;
    }
    await pause(wait, signal);
  }
}

/** One that is removed when it ends is removed by whoever looks next: the program that its monitor starts, or us. */
async function waitForRemoval(
  parts: EngineParts,
  container: FoundContainer,
  signal: AbortSignal | undefined,
): Promise<ExitStatus> {
  let last = await stateOfEnded(parts, container, signal);
  for (let wait = shortestWaitMs; ; wait = nextWait(wait)) {
    throwIfAborted(`wait for the removal of container "${container.id}"`, signal);
    // Its row may be gone, and what it had still be on its way.
    const isBeingRemoved = (await recoverOperation(parts, runOperation(container.id))) === 'live';
    const isThere = parts.metadata.read((tx) => lookUp(tx, container.id)) !== undefined;
    if (!isThere && !isBeingRemoved) return exitOf(container, last);
    const now = await stateOfEnded(parts, container, signal);
    if (now.status !== 'created') last = now;
    await pause(wait, signal);
  }
}

/** Of one that runs, when it has ended: its monitor tells how, where between two looks it would end and be removed. */
async function stateOfEnded(
  parts: EngineParts,
  container: FoundContainer,
  signal: AbortSignal | undefined,
): Promise<ContainerState> {
  const state = await containerState(parts, container);
  if (state.status === 'created' || state.status === 'exited') return state;
  return { ...state, status: 'exited', exit: await exitIfKnown(parts, container, signal) };
}

async function exitIfKnown(
  parts: EngineParts,
  container: FoundContainer,
  signal: AbortSignal | undefined,
): Promise<ExitStatus | undefined> {
  try {
    return await waitForExit(parts, container, signal);
  } catch (error) {
    if (!isKind(error, 'data-loss', 'not-found')) throw error;
    return undefined;
  }
}

function nextWait(wait: number): number {
  return Math.min(wait * 2, longestWaitMs);
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  // Rejects only when aborted, which the next turn tells.
  await sleep(ms, undefined, { signal }).catch(() => {});
}
