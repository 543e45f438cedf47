import { createInterface } from 'node:readline/promises';
import type { Invocation } from './command.js';
import { usageError } from './usage-error.js';

/**
 * Asks on the terminal whether what cannot be undone is to be done; the question goes to stderr, and only `y` and `yes` agree. Errors: wrong use where there is no terminal
 * to ask on.
 */
export async function confirm({ name, output }: Invocation, warning: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY) throw usageError(name, 'there is no terminal to ask on', 'give --force to go on without being asked');
  output.err(`${warning}\nGo on? [y/N] `);
  using lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    signal.throwIfAborted();
    return /^y(?:es)?$/i.test(line.trim());
  }
  return false;
}
