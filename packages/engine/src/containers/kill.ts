import { constants } from 'node:os';
import { isKind } from '@slipway/plugin-api';
import { parseSignal } from '../bundle/index.js';
import { emitOfContainer } from '../events/emit.js';
import type { EngineParts } from '../settings.js';
import { notRunning, requireRunning } from './runtime-of.js';
import { want } from './start.js';

export async function killContainer(parts: EngineParts, id: string, signal: string | number): Promise<void> {
  const number = parseSignal(signal);
  const container = await requireRunning(parts, id, { pausedToo: true });
  // It is not to come back, after the machine was started neither.
  if (number === constants.signals.SIGKILL) await want(parts, id, 'stopped');
  try {
    await container.runtime.kill(id, number);
  } catch (error) {
    throw isKind(error, 'not-found') ? notRunning(container, 'stopped') : error;
  }
  emitOfContainer(parts, 'kill', container, { signal: String(number) });
}
