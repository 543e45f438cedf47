/** Calls `expire` after `ms` of running time. Time during which it is paused does not count, and resuming begins anew. */
export class Clock implements Disposable {
  #timer: NodeJS.Timeout | undefined;
  #pauses = 0;

  constructor(
    private readonly ms: number,
    private readonly expire: () => void,
  ) {
    this.#run();
  }

  pause(): void {
    this.#pauses++;
    clearTimeout(this.#timer);
  }

  resume(): void {
    this.#pauses--;
    if (this.#pauses === 0) this.#run();
  }

  [Symbol.dispose](): void {
    this.#pauses = Number.POSITIVE_INFINITY;
    clearTimeout(this.#timer);
  }

  #run(): void {
    this.#timer = setTimeout(this.expire, this.ms);
  }
}
