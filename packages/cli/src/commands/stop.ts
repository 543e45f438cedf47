import type { StopOptions } from '@slipway/plugin-api';
import type { Action, OptionValues } from '../command.js';
import { forEachContainer } from '../containers/for-each-container.js';
import { graceMs } from '../numbers.js';

/** Each waits for most of its time. */
const atOnce = 16;

export const stop: Action = (invocation) => {
  const options = stopOptionsOf('stop', invocation.options);
  return forEachContainer(invocation, { atOnce }, async (container, signal) => {
    await container.stop({ ...options, signal });
    return { id: container.id, name: container.name };
  });
};

/** `-t` and `-s` of `stop` and `restart`. */
export function stopOptionsOf(command: string, options: OptionValues): StopOptions {
  return { stopSignal: options.text('signal'), timeoutMs: graceMs(command, '--timeout', options.text('timeout')) };
}
