import { setTimeout as sleep } from 'node:timers/promises';
import { isKind, SlipwayError } from '@slipway/plugin-api';
import type { HttpResponse } from './transport.js';

/** Opens the bytes `from` to `last` (included). Undefined when the answer is anything else than exactly those. */
export type OpenPiece = (from: number, last: number, signal: AbortSignal) => Promise<HttpResponse | undefined>;

const maxFruitlessAttempts = 5;
const firstDelay = 200;

/** Some consecutive bytes of a layer, which are fetched whether they are read already or not. They are few enough to be kept. */
export class LayerPiece implements Disposable {
  /** True when the first answer was right, false when there is none to come. Never rejects. */
  readonly opened: Promise<boolean>;
  private readonly stop = new AbortController();
  private readonly signal: AbortSignal;
  private readonly chunks: Buffer[] = [];
  private state: 'running' | 'whole' | { readonly failure: unknown } = 'running';
  private wake = (): void => undefined;
  private settleOpened: (isRight: boolean) => void = () => undefined;

  constructor(
    private readonly from: number,
    private readonly end: number,
    private readonly open: OpenPiece,
    private readonly slot: Disposable,
    signal: AbortSignal | undefined,
  ) {
    this.signal = signal === undefined ? this.stop.signal : AbortSignal.any([signal, this.stop.signal]);
    this.opened = new Promise((resolve) => {
      this.settleOpened = resolve;
    });
    this.fetch().then(
      () => this.settle('whole'),
      (failure: unknown) => this.settle({ failure }),
    );
  }

  /** Its bytes in order, as they come. Errors: those of the transport, after retries; `unavailable` for ranges that are answered wrongly. */
  async *read(): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = this.chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.state === 'whole') return;
      else if (this.state !== 'running') throw this.state.failure;
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }

  [Symbol.dispose](): void {
    this.stop.abort();
    this.chunks.length = 0;
    this.slot[Symbol.dispose]();
  }

  private settle(state: 'whole' | { readonly failure: unknown }): void {
    this.state = state;
    this.settleOpened(state === 'whole');
    this.wake();
  }

  /** Goes on where a connection broke, so that only what is missing is fetched again. */
  private async fetch(): Promise<void> {
    let at = this.from;
    for (let attempt = 1; ; attempt += 1) {
      const before = at;
      try {
        for await (const chunk of await this.answer(at)) {
          at += chunk.byteLength;
          if (at > this.end) throw wrongRange();
          this.chunks.push(chunk);
          this.wake();
        }
      } catch (error) {
        if (this.signal.aborted || !isPassing(error)) throw error;
        if (at === before && attempt >= maxFruitlessAttempts) throw error;
      }
      // Also when the connection broke after the last byte, of which there is no rest to ask for.
      if (at === this.end) return;
      if (at > before) attempt = 1;
      else if (attempt >= maxFruitlessAttempts) throw wrongRange();
      await sleep(firstDelay * 2 ** (attempt - 1) * (0.5 + Math.random()), undefined, { signal: this.signal });
    }
  }

  private async answer(at: number): Promise<AsyncIterable<Buffer>> {
    const response = await this.open(at, this.end - 1, this.signal);
    if (response === undefined) throw wrongRange();
    this.settleOpened(true);
    return response.body as AsyncIterable<Buffer>;
  }
}

/** Resets and stalls in a body come as they are, those before an answer as errors of the transport. */
function isPassing(error: unknown): boolean {
  return error instanceof SlipwayError ? isKind(error, 'unavailable') && error.code !== 'REGISTRY_RANGE_WRONG' : true;
}

function wrongRange(): SlipwayError {
  return new SlipwayError({
    kind: 'unavailable',
    code: 'REGISTRY_RANGE_WRONG',
    message: 'a part of a layer was asked for, and something else was answered',
    hint: 'try again: the layer is then fetched in one piece',
  });
}
