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
}

const MiB = 1024 * 1024;
/** With less left, the first bytes of more connections would hardly come before the last of the one. */
const worthSplitting = 16 * MiB;
/** One connection is judged by so many bytes or milliseconds, whichever come first. */
const judgedBytes = 4 * MiB;
const judgedTime = 1000;
/** Bytes a second that are enough: layers are hardly unpacked faster. */
const fastEnough = 64 * MiB;
/** What one connection brings in this time (milliseconds) is a piece: much longer than a round trip, and no more memory than that needs. */
const pieceTime = 400;
const maxPiece = 8 * MiB;
/** Milliseconds that the first connection is held up for the second one's answer. */
const openPatience = 2000;

/**
 * All bytes from `start` on, in order. They come over one connection; where that is slow because of the network and not of
 * whoever reads, more connections fetch the pieces that follow. The first one is cut only when the second has got an answer that
 * is right: a server that knows no ranges, or answers them wrongly, is asked once and then read as before.
 */
export async function* rangedBody(options: RangedBody): AsyncGenerator<Buffer> {
  const { head, start, size, slots, signal } = options;
  const pace = new Pace();
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
        if (await pieces.areRight()) {
          const last = next.value.subarray(0, pieces.cut - position);
          position = pieces.cut;
          if (last.byteLength > 0) yield last;
          break;
        }
        pieces[Symbol.dispose]();
        if (signal?.aborted !== true) slots.distrust();
      }
      position += next.value.byteLength;
      yield next.value;
      if (pieces.cut === undefined && slots.works && size - position >= worthSplitting) {
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

  count(bytes: number, waited: number): void {
    this.bytes += bytes;
    this.waited += waited;
  }

  /** Bytes a second, when enough came to judge and that was slow. What was judged is not counted again. */
  slowRate(): number | undefined {
    const elapsed = performance.now() - this.since;
    if (this.bytes < judgedBytes && elapsed < judgedTime) return undefined;
    const rate = (this.bytes / elapsed) * 1000;
    const isNetwork = this.waited > elapsed / 2;
    [this.bytes, this.waited, this.since] = [0, 0, performance.now()];
    return isNetwork && rate < fastEnough ? rate : undefined;
  }
}

/** The pieces that are on their way, in order: never more than there may be connections. */
class PieceQueue implements Disposable {
  /** Where the first piece begins, and the first connection ends. */
  cut: number | undefined;
  private readonly queue: LayerPiece[] = [];
  /** Where the next one begins. */
  private from = 0;
  private pieceSize = 0;
  private isHeadCut = false;

  constructor(private readonly options: RangedBody) {}

  begin(position: number, rate: number): void {
    this.pieceSize = Math.min(maxPiece, Math.max(MiB, Math.ceil((rate * pieceTime) / 1000 / MiB) * MiB));
    this.from = position + this.pieceSize;
    if (!this.add()) return;
    this.cut = position + this.pieceSize;
    // Only when the first is answered rightly, or four connections would ask what cannot be had.
    this.fillWhenOpened().catch(() => undefined);
  }

  async areRight(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), openPatience);
    });
    const isRight = await Promise.race([this.queue[0]?.opened ?? false, tooLate]);
    clearTimeout(timer);
    return isRight;
  }

  /** Takes the piece that is to be read now; undefined after the last. Whoever takes it disposes of it. */
  next(): LayerPiece | undefined {
    this.isHeadCut = true;
    this.fill();
    // One connection there may always be, as there was before.
    if (this.queue.length === 0 && this.from < this.options.size) this.start({ [Symbol.dispose]: () => undefined });
    return this.queue.shift();
  }

  [Symbol.dispose](): void {
    this.cut = undefined;
    for (const piece of this.queue.splice(0)) piece[Symbol.dispose]();
  }

  private async fillWhenOpened(): Promise<void> {
    if ((await this.queue[0]?.opened) === true && this.cut !== undefined) this.fill();
  }

  private fill(): void {
    const most = this.options.slots.perLayer - (this.isHeadCut ? 0 : 1);
    while (this.queue.length < most && this.add());
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
