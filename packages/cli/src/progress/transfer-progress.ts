import type { TransferProgress } from '@slipway/plugin-api';
import type { GlobalOptions } from '../command.js';
import { isTerminal } from '../is-terminal.js';
import type { Output } from '../output.js';
import { shortDigest } from '../short-digest.js';
import { formatBytes } from '../units.js';
import type { BlobBars } from './blob-bars.js';

/** Shows what happens while content is sent, on stderr. Disposing leaves the terminal as it was. */
export interface TransferView extends Disposable {
  show(event: TransferProgress): void;
}

/** Bars on a terminal, lines elsewhere, nothing with --quiet or --json. */
export async function transferProgress(options: Pick<GlobalOptions, 'quiet' | 'json'>, output: Output): Promise<TransferView> {
  if (options.quiet || options.json) return { show: () => undefined, [Symbol.dispose]: () => undefined };
  if (!isTerminal(2) || process.env['TERM'] === 'dumb') return new TransferLines(output);
  const { BlobBars } = await import('./blob-bars.js');
  return new TransferBars(output, new BlobBars(process.stderr));
}

/** One line for each blob that had to be sent, and for each that was there. */
export class TransferLines implements TransferView {
  readonly #output: Output;
  readonly #phases = new Map<string, string>();

  constructor(output: Output) {
    this.#output = output;
  }

  show(event: TransferProgress): void {
    if (event.type === 'blobs') {
      this.#output.err(blobsLine(event.blobs));
      return;
    }
    const { digest, phase, total } = event;
    if (this.#phases.get(digest) === phase) return;
    this.#phases.set(digest, phase);
    this.#output.err(`${shortDigest(digest)}: ${phase}${phase === 'sending' ? ` ${formatBytes(total)}` : ''}\n`);
  }

  [Symbol.dispose](): void {
    this.#phases.clear();
  }
}

class TransferBars implements TransferView {
  readonly #output: Output;
  readonly #bars: BlobBars;

  constructor(output: Output, bars: BlobBars) {
    this.#output = output;
    this.#bars = bars;
  }

  show(event: TransferProgress): void {
    if (event.type === 'blob') {
      this.#bars.show({ ...event, moving: event.phase === 'sending', done: event.phase !== 'sending' });
      return;
    }
    this.#output.err(blobsLine(event.blobs));
    this.#bars.expect(
      event.blobs.reduce((bytes, { size }) => bytes + size, 0),
      event.blobs.length,
    );
  }

  [Symbol.dispose](): void {
    this.#bars[Symbol.dispose]();
  }
}

function blobsLine(blobs: readonly { readonly size: number }[]): string {
  const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
  return `${blobs.length} blob${blobs.length === 1 ? '' : 's'}, ${formatBytes(bytes)}\n`;
}
