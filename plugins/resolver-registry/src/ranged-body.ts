import { setImmediate } from 'node:timers/promises';
import { LayerPiece, type OpenPiece } from './layer-piece.js';
import type { RangeSlots } from './range-slots.js';

export interface RangedBody {
  /** The answer to the request for all bytes from `start` on. */
  readonly head: AsyncIterable<Buffer>;
  readonly start: number;
  readonly size: number;
  readonly open: OpenPiece;
  readonly slots: RangeSlots;
  readonly signal: AbortSignal | undefined;
  readonly tuning: RangeTuning;
}

const MiB = 1024 * 1024;

/** When it is worth to make more connections. Bytes, milliseconds, bytes a second. */
export interface RangeTuning {
  /** With less left, the first bytes of more connections would hardly come before the last of the one. */
  readonly worthSplitting: number;
  /** One connection is judged by so many bytes or so much time, whichever comes first... */
  readonly judgedBytes: number;
  readonly judgedTime: number;
  /** ...but by no less time than this: on a fast network the bytes come in less than a busy machine is away for. */
  readonly leastTime: number;
  /** A rate that is enough: layers are hardly unpacked faster. */
  readonly fastEnough: number;
  /** The part of the time that must go by in waiting for bytes: who is slow to read gains nothing. */
  readonly waiting: number;
  /** A connection whose rate has grown by more than this since it was judged last is still in TCP's slow start. */
  readonly settledGrowth: number;
  /** What must be left of the first one's rate beside a second one, or both share what there is and nothing is gained. */
  readonly unhurt: number;
  /** What one connection brings in this time is a piece, within bounds: much longer than a round trip, and no more memory than that needs. */
  readonly pieceTime: number;
  readonly minPiece: number;
  readonly maxPiece: number;
  /** The first connection is held up so long for the second one's answer. */
  readonly openPatience: number;
}

export const rangeTuning: RangeTuning = {
  worthSplitting: 16 * MiB,
  judgedBytes: 4 * MiB,
  judgedTime: 1000,
  leastTime: 250,
  fastEnough: 64 * MiB,
  waiting: 0.5,
  settledGrowth: 1.25,
  unhurt: 0.8,
  pieceTime: 400,
  minPiece: MiB,
  maxPiece: 8 * MiB,
  openPatience: 2000,
};

/**
 * All bytes from `start` on, in order. They come over one connection; where that is slow because of the network and not of
 * whoever reads, a second one fetches a piece further on, and more of them those that follow. The first one is cut only when the second has got
 * an answer that is right and has not slowed it down: a server that knows no ranges, or answers them wrongly, and a link or a machine that is
 * full already, are tried once and then read as before.
 */
export async function* rangedBody(options: RangedBody): AsyncGenerator<Buffer> {
  const { head, start, size, slots, signal, tuning } = options;
  const pace = new Pace(tuning);
  const pieces = new PieceQueue(options);
  const chunks = head[Symbol.asyncIterator]();
  let position = start;
  try {
    for (;;) {
      const asked = performance.now();
      const next = await chunks.next();
      if (next.done === true) return;
      pace.count(next.value.byteLength, performance.now() - asked);
      if (pieces.cut !== undefined && position + next.value.byteLength >= pieces.cut) {
        if ((await pieces.areRight()) && pieces.pay(position)) {
          const last = next.value.subarray(0, pieces.cut - position);
          position = pieces.cut;
          if (last.byteLength > 0) yield last;
          break;
        }
        pieces[Symbol.dispose]();
        if (signal?.aborted !== true) slots.distrust();
      }
      position += next.value.byteLength;
      pieces.headAt = position;
      yield next.value;
      if (pieces.cut === undefined && slots.works && size - position >= tuning.worthSplitting) {
        const rate = pace.slowRate();
        if (rate !== undefined) pieces.begin(position, rate);
      }
    }
    await chunks.return?.();
    for (let piece = pieces.next(); piece !== undefined; piece = pieces.next()) {
      using _piece = piece;
      try {
        yield* piece.read();
      } catch (error) {
        // Whoever tries again is better off with one connection.
        if (signal?.aborted !== true) slots.distrust();
        throw error;
      }
      // undici takes a connection for free a turn of the event loop after its answer has ended; before that it would make another.
      await setImmediate();
    }
  } finally {
    await chunks.return?.();
    pieces[Symbol.dispose]();
  }
}

/** How fast bytes come, and whether it is the network that is waited for. */
class Pace {
  private bytes = 0;
  private waited = 0;
  private since = performance.now();
  private lastRate = 0;

  constructor(private readonly tuning: RangeTuning) {}

  count(bytes: number, waited: number): void {
    this.bytes += bytes;
    this.waited += waited;
  }

  /** Bytes a second, when enough came to judge and that was slow. What was judged is not counted again. */
  slowRate(): number | undefined {
    const elapsed = performance.now() - this.since;
    const { judgedBytes, judgedTime, leastTime, waiting, settledGrowth, fastEnough } = this.tuning;
    if (elapsed < leastTime || (this.bytes < judgedBytes && elapsed < judgedTime)) return undefined;
    const rate = (this.bytes / elapsed) * 1000;
    const isNetwork = this.waited > elapsed * waiting;
    const isSettled = rate < this.lastRate * settledGrowth;
    [this.bytes, this.waited, this.since, this.lastRate] = [0, 0, performance.now(), rate];
    return isNetwork && isSettled && rate < fastEnough ? rate : undefined;
  }
}

/** The pieces that are on their way, in order: never more than there may be connections. */
class PieceQueue implements Disposable {
  /** Where the first piece begins, and the first connection ends. */
  cut: number | undefined;
  /** How far the first connection has come. */
  headAt = 0;
  private readonly queue: LayerPiece[] = [];
  /** What the first connection brought alone, bytes a second, and where it was when the second one began. */
  private aloneRate = 0;
  private beside: { readonly at: number; readonly position: number } | undefined;
  /** Where the next one begins. */
  private from = 0;
  private pieceSize = 0;

  constructor(private readonly options: RangedBody) {}

  begin(position: number, rate: number): void {
    const { minPiece, maxPiece, pieceTime } = this.options.tuning;
    this.pieceSize = Math.min(maxPiece, Math.max(minPiece, Math.ceil((rate * pieceTime) / 1000 / minPiece) * minPiece));
    this.headAt = position;
    this.from = position + this.pieceSize;
    if (!this.add()) return;
    this.cut = position + this.pieceSize;
    this.aloneRate = rate;
    this.noteOpening().catch(() => undefined);
  }

  /** True when the second connection has brought something without slowing the first one down, and more may be made. */
  pay(position: number): boolean {
    if (this.beside === undefined) return true;
    const rate = ((position - this.beside.position) / (performance.now() - this.beside.at)) * 1000;
    return rate >= this.aloneRate * this.options.tuning.unhurt;
  }

  async areRight(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), this.options.tuning.openPatience);
    });
    const isRight = await Promise.race([this.queue[0]?.opened ?? false, tooLate]);
    clearTimeout(timer);
    return isRight;
  }

  /** Takes the piece that is to be read now; undefined after the last. Whoever takes it disposes of it. */
  next(): LayerPiece | undefined {
    this.fill();
    // One connection there may always be, as there was before.
    if (this.queue.length === 0 && this.from < this.options.size) this.start({ [Symbol.dispose]: () => undefined });
    return this.queue.shift();
  }

  [Symbol.dispose](): void {
    this.cut = undefined;
    for (const piece of this.queue.splice(0)) piece[Symbol.dispose]();
  }

  private async noteOpening(): Promise<void> {
    if ((await this.queue[0]?.opened) === true) this.beside = { at: performance.now(), position: this.headAt };
  }

  private fill(): void {
    while (this.queue.length < this.options.slots.perLayer && this.add());
  }

  private add(): boolean {
    if (this.from >= this.options.size) return false;
    const slot = this.options.slots.tryTake();
    if (slot === undefined) return false;
    this.start(slot);
    return true;
  }

  private start(slot: Disposable): void {
    const { size, open, signal } = this.options;
    const end = Math.min(size, this.from + this.pieceSize);
    this.queue.push(new LayerPiece(this.from, end, open, slot, signal));
    this.from = end;
  }
}
