import type { WriteStream } from 'node:tty';
import type { LayerPhase, PullProgress } from '@slipway/plugin-api';
import { MultiBar, type Options, type SingleBar } from 'cli-progress';
import type { Output } from '../output.js';
import { printable } from '../printable.js';
import { formatBytes } from '../units.js';
import { layersLine, shortDigest } from './line-progress.js';
import type { ProgressView } from './pull-progress.js';

/** For a terminal that does not know its size. */
const usualRows = 24;

interface Layer {
  readonly bar: SingleBar;
  readonly startedAt: number;
  readonly startedWith: number;
  phase: LayerPhase;
}

/** A bar for each layer that is being worked on. Bars of finished layers make room when the screen is full. */
export class BarProgress implements ProgressView {
  readonly #output: Output;
  readonly #screen: WriteStream;
  #bars: MultiBar | undefined;
  readonly #layers = new Map<string, Layer>();

  constructor(screen: WriteStream, output: Output) {
    this.#screen = screen;
    this.#output = output;
    process.once('exit', this.#stop);
  }

  show(event: PullProgress): void {
    if (event.type === 'resolving') this.#output.err(`Pulling ${printable(event.name)}\n`);
    else if (event.type === 'layers') this.#output.err(`${layersLine(event.layers)}\n`);
    else if (event.type === 'layer') this.#showLayer(event);
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
      format: barLine,
      barsize: 24,
    });
    return this.#bars;
  }

  #showLayer({ digest, phase, current, total }: PullProgress & { readonly type: 'layer' }): void {
    const layer = this.#layers.get(digest) ?? this.#addLayer(digest, phase, current, total);
    if (layer === undefined) return;
    layer.phase = phase;
    const seconds = (performance.now() - layer.startedAt) / 1000;
    const rate = phase === 'downloading' && seconds > 0.2 ? (current - layer.startedWith) / seconds : undefined;
    layer.bar.update(current, { phase, rate });
  }

  #addLayer(digest: string, phase: LayerPhase, current: number, total: number): Layer | undefined {
    if (this.#layers.size >= (this.#screen.rows || usualRows) - 2 && !this.#makeRoom()) return undefined;
    const bar = this.#multiBar().create(total, current, { name: shortDigest(digest), phase });
    const layer = { bar, startedAt: performance.now(), startedWith: current, phase };
    this.#layers.set(digest, layer);
    return layer;
  }

  #makeRoom(): boolean {
    for (const [digest, { bar, phase }] of this.#layers) {
      if (phase !== 'unpacked' && phase !== 'exists') continue;
      this.#multiBar().remove(bar);
      this.#layers.delete(digest);
      return true;
    }
    return false;
  }
}

interface LayerPayload {
  readonly name: string;
  readonly phase: LayerPhase;
  readonly rate?: number | undefined;
}

function barLine(
  options: Options,
  { progress, value, total }: { progress: number; value: number; total: number },
  payload: LayerPayload,
): string {
  const { name, phase, rate } = payload;
  const label = `${name}  ${phase.padEnd(11)}`;
  if (phase === 'exists' || phase === 'unpacked') return `${label}  ${formatBytes(total)}`;
  const width = options.barsize ?? 0;
  const filled = Math.round(Math.min(1, Math.max(0, progress)) * width);
  const bar = `[${'='.repeat(filled)}${' '.repeat(width - filled)}]`;
  return `${label}  ${bar} ${formatBytes(value)} / ${formatBytes(total)}${rate === undefined ? '' : `  ${formatBytes(Math.round(rate))}/s`}`;
}
