import { isKind, type StopOptions, step } from '@slipway/plugin-api';
import { parseSignal } from '../bundle/index.js';
import { emitOfContainer } from '../events/emit.js';
import type { EngineParts } from '../settings.js';
import { containerById, type FoundContainer } from './find.js';
import { requireCount } from './kept-settings.js';
import { runtimeOf } from './runtime-of.js';
import { want } from './start.js';
import { containerState } from './state.js';

const defaultGraceMs = 10_000;

/** Without the container's lock: who waits for a long grace to end keeps nobody from killing it. */
export async function stopContainer(parts: EngineParts, id: string, options: StopOptions): Promise<void> {
  const container = containerById(parts, id);
  const [, ran] = await Promise.all([want(parts, id, 'stopped'), endContainer(parts, container, options)]);
  if (ran) emitOfContainer(parts, 'stop', container);
}

/** Asks for its end and waits for it. False when it did not run. */
export async function endContainer(parts: EngineParts, container: FoundContainer, options: StopOptions): Promise<boolean> {
  const { id, row } = container;
  const graceMs = options.timeoutMs ?? row.settings.stopTimeoutMs ?? defaultGraceMs;
  if (graceMs !== -1) requireCount('the time until SIGKILL', graceMs, 0);
  const signal = options.stopSignal === undefined ? row.stopSignal : parseSignal(options.stopSignal);
  const { status } = await containerState(parts, container);
  if (status === 'created' || status === 'exited') return false;
  const runtime = await runtimeOf(parts, row);
  try {
    await runtime.stop(id, { signal, graceMs: graceMs === -1 ? Number.POSITIVE_INFINITY : graceMs, abort: options.signal });
  } catch (error) {
    // It has ended by itself, and somebody has cleaned up.
    if (!isKind(error, 'not-found') && !isUnknownExit(error)) throw error;
  }
  step('stop.stopped', { id });
  return true;
}

/** It has ended; how is another question. */
function isUnknownExit(error: unknown): boolean {
  return isKind(error, 'data-loss');
}
