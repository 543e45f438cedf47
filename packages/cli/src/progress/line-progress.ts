import type { LayerPhase, PullProgress } from '@slipway/plugin-api';
import type { Output } from '../output.js';
import { printable } from '../printable.js';
import { shortDigest } from '../short-digest.js';
import { formatBytes } from '../units.js';
import type { ProgressView } from './pull-progress.js';

/** One line for each layer and change of phase: for logs and pipes. */
export class LineProgress implements ProgressView {
  readonly #output: Output;
  readonly #phases = new Map<string, LayerPhase>();

  constructor(output: Output) {
    this.#output = output;
  }

  show(event: PullProgress): void {
    const line = this.#line(event);
    if (line !== undefined) this.#output.err(`${line}\n`);
  }

  [Symbol.dispose](): void {
    this.#phases.clear();
  }

  #line(event: PullProgress): string | undefined {
    switch (event.type) {
      case 'resolving':
        return `Resolving ${printable(event.name)}`;
      case 'resolved':
        return `Resolved ${event.descriptor.digest}`;
      case 'layers':
        return layersLine(event.layers);
      case 'layer': {
        if (this.#phases.get(event.digest) === event.phase) return undefined;
        this.#phases.set(event.digest, event.phase);
        return `${shortDigest(event.digest)}: ${event.phase}${event.phase === 'downloading' ? ` ${formatBytes(event.total)}` : ''}`;
      }
    }
  }
}

export function layersLine(layers: readonly { readonly size: number }[]): string {
  const bytes = layers.reduce((sum, { size }) => sum + size, 0);
  return `${layers.length} layer${layers.length === 1 ? '' : 's'}, ${formatBytes(bytes)}`;
}
