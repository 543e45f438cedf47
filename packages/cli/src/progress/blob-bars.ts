import type { WriteStream } from 'node:tty';
import { MultiBar, type Options, type SingleBar } from 'cli-progress';
import { shortDigest } from '../short-digest.js';
import { formatBytes, formatSeconds } from '../units.js';
import { Rate } from './rate.js';

/** For a terminal that does not know its size. */
const usualRows = 24;
const totalBarRows = 1;

/** How far one blob is. */
export interface BlobState {
  readonly digest: string;
  /** `downloading`, `sent` ... as it is shown. */
  readonly phase: string;
  /** Bytes. */
  readonly current: number;
  readonly total: number;
  /** Bytes go over the wire: they count for the rate. */
  readonly moving: boolean;
  /** Nothing more comes of it. */
  readonly done: boolean;
}

interface Row {
  readonly bar: SingleBar;
  readonly rate: Rate;
  done: boolean;
}

/**
 * A bar for each blob that is being worked on, under one for all of them that says how fast the bytes move and how long they
 * will. Bars of blobs that are done make room when the screen is full.
 */
export class BlobBars implements Disposable {
  readonly #screen: WriteStream;
  #bars: MultiBar | undefined;
  #total: SingleBar | undefined;
  readonly #rows = new Map<string, Row>();
  /** Bytes of each blob that have been moved, or need not be. */
  readonly #moved = new Map<string, number>();
  /** Those that were moved by us. */
  readonly #carried = new Map<string, number>();
  readonly #rate = new Rate();
  readonly #startedAt = performance.now();

  constructor(screen: WriteStream) {
    this.#screen = screen;
    process.once('exit', this.#stop);
  }

  show(state: BlobState): void {
    this.#showTotal(state);
    const row = this.#rows.get(state.digest) ?? this.#addRow(state);
    if (row === undefined) return;
    row.done = state.done;
    if (state.moving) row.rate.add(state.current, performance.now());
    row.bar.update(state.current, { state, rate: state.moving ? row.rate.perSecond : undefined });
  }

  /** What all of them will be, together. */
  expect(bytes: number, blobs: number): void {
    if (blobs < 2) return;
    this.#total ??= this.#multiBar().create(bytes, 0, { startedAt: this.#startedAt }, { format: totalLine });
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#stop);
    this.#stop();
  }

  readonly #stop = (): void => {
    this.#bars?.stop();
    this.#bars = undefined;
  };

  /** Made with the first bar: it writes to the screen even when it has none. */
  #multiBar(): MultiBar {
    // Cursor and wrapping are restored by stop(), which we call ourselves on every way out.
    this.#bars ??= new MultiBar({
      stream: this.#screen,
      hideCursor: true,
      clearOnComplete: false,
      gracefulExit: false,
      fps: 10,
      format: blobLine,
      barsize: 24,
    });
    return this.#bars;
  }

  #showTotal({ digest, current, total, moving }: BlobState): void {
    const before = this.#moved.get(digest);
    this.#moved.set(digest, moving ? current : total);
    if (moving) {
      // What was there of it from an earlier time was not carried now.
      this.#carried.set(digest, before === undefined ? 0 : Math.max(0, (this.#carried.get(digest) ?? 0) + current - before));
      this.#rate.add(sum(this.#carried), performance.now());
    }
    this.#total?.update(sum(this.#moved), { rate: this.#rate.perSecond });
  }

  #addRow({ digest, current, total, phase, moving, done }: BlobState): Row | undefined {
    if (this.#rows.size >= (this.#screen.rows || usualRows) - 2 - totalBarRows && !this.#makeRoom()) return undefined;
    const bar = this.#multiBar().create(total, current, { state: { digest, current, total, phase, moving, done } });
    const row = { bar, rate: new Rate(), done };
    this.#rows.set(digest, row);
    return row;
  }

  #makeRoom(): boolean {
    for (const [digest, { bar, done }] of this.#rows) {
      if (!done) continue;
      this.#multiBar().remove(bar);
      this.#rows.delete(digest);
      return true;
    }
    return false;
  }
}

function sum(counts: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}

interface Drawn {
  readonly progress: number;
  readonly value: number;
  readonly total: number;
}

function blobLine(
  options: Options,
  drawn: Drawn,
  { state, rate }: { readonly state: BlobState; readonly rate?: number },
): string {
  const label = `${shortDigest(state.digest)}  ${state.phase.padEnd(11)}`;
  if (state.done) return `${label}  ${formatBytes(drawn.total)}`;
  return `${label}  ${barOf(options, drawn)}${rate === undefined ? '' : `  ${formatBytes(Math.round(rate))}/s`}`;
}

function totalLine(
  options: Options,
  drawn: Drawn,
  { rate, startedAt }: { readonly rate?: number; readonly startedAt: number },
): string {
  const label = `${'Total'.padEnd(12)}  ${' '.repeat(11)}`;
  const left = drawn.total - drawn.value;
  if (left <= 0) return `${label}  ${formatBytes(drawn.total)} in ${formatSeconds((performance.now() - startedAt) / 1000)}`;
  const speed = rate === undefined ? '' : `  ${formatBytes(Math.round(rate))}/s`;
  const time = rate === undefined || rate < 1 ? '' : `  ${formatSeconds(left / rate)} left`;
  return `${label}  ${barOf(options, drawn)}${speed}${time}`;
}

function barOf({ barsize = 0 }: Options, { progress, value, total }: Drawn): string {
  const filled = Math.round(Math.min(1, Math.max(0, progress)) * barsize);
  return `[${'='.repeat(filled)}${' '.repeat(barsize - filled)}] ${formatBytes(value)} / ${formatBytes(total)}`;
}
