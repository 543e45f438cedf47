import type { WriteStream } from 'node:tty';
import type { Output } from '../output.js';

/** A table that takes the place of the one before it: from where the cursor was to the end of the screen. */
export class LiveTable {
  readonly #screen: Pick<WriteStream, 'columns' | 'rows'>;
  readonly #output: Output;
  #lines = 0;

  constructor(screen: Pick<WriteStream, 'columns' | 'rows'>, output: Output) {
    this.#screen = screen;
    this.#output = output;
  }

  /** What does not fit is cut off: a line that wraps, or one that scrolls away, could not be written over. */
  show(text: string): void {
    // A terminal whose size nobody has set says 0.
    const [columns, rows] = [this.#screen.columns || 80, this.#screen.rows || 24];
    const lines = text
      .split('\n')
      .slice(0, -1)
      .slice(0, Math.max(1, rows - 1));
    const up = this.#lines === 0 ? '' : `\u001b[${this.#lines}A`;
    this.#output.out(`${up}\r\u001b[J${lines.map((line) => `${[...line].slice(0, columns).join('')}\n`).join('')}`);
    this.#lines = lines.length;
  }
}
