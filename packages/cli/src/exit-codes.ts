import { isSlipwayError } from '@slipway/plugin-api';
import { interruptedCode } from './interruption.js';
import { OutputClosed } from './output.js';
import { usageCode } from './usage-error.js';

/** As a shell reports a process that SIGPIPE ended. */
const sigpipe = 128 + 13;

/**
 * `run` keeps 0 to 124 for the container's own process, as Docker does: 125 is our failure, 126 and 127 say that its
 * command cannot be executed or found, which `exec` tells in the same way. Every other command: 1 for a failure, 2 for wrong use.
 */
export function exitCodeOf(error: unknown, command: string): number {
  if (error instanceof OutputClosed) return sigpipe;
  if (isSlipwayError(error)) {
    const { signal } = error.details;
    if (error.code === interruptedCode && typeof signal === 'number') return 128 + signal;
    const runs = command.endsWith('run') || command.endsWith('exec');
    if (runs && error.code === 'COMMAND_NOT_EXECUTABLE') return 126;
    if (runs && error.code === 'COMMAND_NOT_FOUND') return 127;
  }
  if (command.endsWith('run')) return 125;
  return isSlipwayError(error) && error.code === usageCode ? 2 : 1;
}
