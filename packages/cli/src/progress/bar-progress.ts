import type { WriteStream } from 'node:tty';
import type { PullProgress } from '@slipway/plugin-api';
import type { Output } from '../output.js';
import { printable } from '../printable.js';
import { BlobBars } from './blob-bars.js';
import { layersLine } from './line-progress.js';
import type { ProgressView } from './pull-progress.js';

/** The layers of a pull as bars. */
export class BarProgress implements ProgressView {
  readonly #output: Output;
  readonly #bars: BlobBars;

  constructor(screen: WriteStream, output: Output) {
    this.#output = output;
    this.#bars = new BlobBars(screen);
  }

  show(event: PullProgress): void {
    switch (event.type) {
      case 'resolving':
        this.#output.err(`Pulling ${printable(event.name)}\n`);
        break;
      case 'resolved':
        break;
      case 'layers':
        this.#output.err(`${layersLine(event.layers)}\n`);
        this.#bars.expect(
          event.layers.reduce((bytes, { size }) => bytes + size, 0),
          event.layers.length,
        );
        break;
      case 'layer': {
        const { phase } = event;
        this.#bars.show({ ...event, moving: phase === 'downloading', done: phase === 'unpacked' || phase === 'exists' });
      }
    }
  }

  [Symbol.dispose](): void {
    this.#bars[Symbol.dispose]();
  }
}
