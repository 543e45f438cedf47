import type { GlobalOptions } from './command.js';
import { errorReport } from './error-report.js';
import { exitCodeOf } from './exit-codes.js';
import { OutputClosed, output } from './output.js';
import { MisusedCommand } from './program.js';
import { usageErrorOf } from './usage.js';

/** Says on stderr what went wrong, and gives the exit code. Imported only when something has. */
export function reportFailure(thrown: unknown, command: string, global: Pick<GlobalOptions, 'json' | 'debug'>): number {
  const misused = thrown instanceof MisusedCommand;
  const error = misused ? usageErrorOf(thrown) : metFirst(thrown);
  if (!(error instanceof OutputClosed)) output.err(errorReport(error, global));
  return exitCodeOf(error, misused ? thrown.commandName : command);
}

/** Where what was open could not be closed either, as a store that can write no more: what the work met, which is why. */
function metFirst(thrown: unknown): unknown {
  return thrown instanceof SuppressedError ? metFirst(thrown.suppressed) : thrown;
}
