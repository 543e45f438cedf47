import type { PullProgress } from '@slipway/plugin-api';
import type { GlobalOptions } from '../command.js';
import { isTerminal } from '../is-terminal.js';
import type { Output } from '../output.js';

/** Shows what happens during a pull, on stderr. Disposing leaves the terminal as it was. */
export interface ProgressView extends Disposable {
  show(event: PullProgress): void;
}

/** Bars on a terminal, lines elsewhere, nothing with --quiet or --json. */
export async function pullProgress(options: Pick<GlobalOptions, 'quiet' | 'json'>, output: Output): Promise<ProgressView> {
  if (options.quiet || options.json) return { show: () => undefined, [Symbol.dispose]: () => undefined };
  if (!isTerminal(2) || process.env['TERM'] === 'dumb') {
    const { LineProgress } = await import('./line-progress.js');
    return new LineProgress(output);
  }
  const { BarProgress } = await import('./bar-progress.js');
  return new BarProgress(process.stderr, output);
}
