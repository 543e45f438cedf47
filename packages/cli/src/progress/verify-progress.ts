import type { VerifyProgress } from '@slipway/plugin-api';
import { SingleBar } from 'cli-progress';
import type { GlobalOptions } from '../command.js';
import { isTerminal } from '../is-terminal.js';
import type { Output } from '../output.js';
import { printable } from '../printable.js';
import { shortDigest } from '../short-digest.js';
import { formatBytes } from '../units.js';

/** Shows how far a verification is, on stderr. Disposing leaves the terminal as it was. */
export interface VerifyView extends Disposable {
  show(event: VerifyProgress): void;
}

/** One bar for each phase on a terminal, a line for each phase and repair elsewhere, nothing with --quiet or --json. */
export async function verifyProgress(options: Pick<GlobalOptions, 'quiet' | 'json'>, output: Output): Promise<VerifyView> {
  if (options.quiet || options.json) return { show: () => undefined, [Symbol.dispose]: () => undefined };
  return isTerminal(2) && process.env['TERM'] !== 'dumb' ? new VerifyBar(output) : new VerifyLines(output);
}

class VerifyLines implements VerifyView {
  #phase: string | undefined;

  constructor(readonly output: Output) {}

  show(event: VerifyProgress): void {
    if (event.type === 'repair') this.output.err(repairLine(event));
    else if (event.type !== this.#phase) this.output.err(`${phaseName(event)}: ${totalOf(event)}\n`);
    this.#phase = event.type;
  }

  [Symbol.dispose](): void {
    this.#phase = undefined;
  }
}

class VerifyBar implements VerifyView {
  #phase: string | undefined;
  #bar: SingleBar | undefined;

  constructor(readonly output: Output) {
    process.once('exit', this.#stop);
  }

  show(event: VerifyProgress): void {
    if (event.type !== this.#phase) this.#stop();
    this.#phase = event.type;
    if (event.type === 'repair') {
      this.output.err(repairLine(event));
      return;
    }
    this.#bar ??= startedBar(event);
    this.#bar.update(event.current);
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#stop);
    this.#stop();
  }

  readonly #stop = (): void => {
    this.#bar?.stop();
    this.#bar = undefined;
  };
}

type Counted = VerifyProgress & { readonly type: 'blob' | 'snapshot' };

function startedBar(event: Counted): SingleBar {
  // Cursor and wrapping are restored by stop(), which is called on every way out.
  const format = `${phaseName(event)}  [{bar}] {percentage} %  of ${totalOf(event)}`;
  const bar = new SingleBar({ stream: process.stderr, hideCursor: true, gracefulExit: false, fps: 10, barsize: 24, format });
  bar.start(event.total, event.current);
  return bar;
}

function phaseName({ type }: Counted): string {
  return type === 'blob' ? 'Reading blobs' : 'Comparing snapshots';
}

function totalOf({ type, total }: Counted): string {
  return type === 'blob' ? formatBytes(total) : String(total);
}

function repairLine({ what, name }: VerifyProgress & { readonly type: 'repair' }): string {
  return `Repairing ${what} ${printable(shortDigest(name))}\n`;
}
