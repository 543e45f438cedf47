/** Samples older than this say nothing of how fast it goes now. */
const windowMs = 5000;
/** A first estimate of less would jump. */
const leastMs = 300;

/** How fast a growing count grows, over the last seconds. */
export class Rate {
  readonly #samples: { readonly at: number; readonly count: number }[] = [];

  /** @param at milliseconds on any steady clock */
  add(count: number, at: number): void {
    const last = this.#samples.at(-1);
    // What starts over (a connection whose registry cannot start in the middle) is measured anew.
    if (last !== undefined && count < last.count) this.#samples.length = 0;
    this.#samples.push({ at, count });
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) >= windowMs) this.#samples.shift();
  }

  /** Of the count, in a second; undefined until it can be said. */
  get perSecond(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.at - first.at < leastMs) return undefined;
    return ((last.count - first.count) * 1000) / (last.at - first.at);
  }
}
