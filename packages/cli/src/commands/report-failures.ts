import type { SystemFailure } from '@slipway/plugin-api';
import type { Invocation } from '../command.js';
import { printable, printableBlock } from '../printable.js';

/** What could not be removed, on stderr; as JSON it is part of the result. Gives the exit code. */
export function reportFailures({ global, output }: Invocation, failures: readonly SystemFailure[]): number {
  if (failures.length === 0) return 0;
  if (!global.json) {
    for (const { what, message } of failures) output.err(`slipway: ${printable(what)}: ${printableBlock(message)}\n`);
    output.err('hint: everything else is gone; slipway prune tries again\n');
  }
  return 1;
}
