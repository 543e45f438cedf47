import type { Invocation } from '../command.js';
import { errorReport } from '../error-report.js';
import { OutputClosed } from '../output.js';

/** One after the other, as docker: an error is reported and the next name has its turn. True when one failed. */
export async function forEachName(
  { output, global }: Invocation,
  names: readonly string[],
  act: (name: string) => Promise<void>,
  { forgives }: { readonly forgives?: (error: unknown) => boolean } = {},
): Promise<boolean> {
  let failed = false;
  for (const name of names) {
    try {
      await act(name);
    } catch (error) {
      if (error instanceof OutputClosed) throw error;
      output.err(errorReport(error, global));
      failed ||= forgives?.(error) !== true;
    }
  }
  return failed;
}
