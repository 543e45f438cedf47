/**
 * Batches one by one. By hand: a generator would go through three turns of the microtask queue for each, which is most of the time that a log of millions of lines takes.
 */
export function flatten<T>(batches: AsyncGenerator<readonly T[]>): AsyncIterableIterator<T> {
  let batch: readonly T[] = [];
  let at = 0;
  /** Calls that wait for a batch, one after the other. */
  let pending: Promise<unknown> | undefined;

  const take = (): IteratorResult<T> | undefined => {
    const value = batch[at];
    if (value === undefined) return undefined;
    at++;
    return { done: false, value };
  };
  const pull = async (): Promise<IteratorResult<T>> => {
    for (;;) {
      const taken = take();
      if (taken !== undefined) return taken;
      const next = await batches.next();
      if (next.done === true) return { done: true, value: undefined };
      batch = next.value;
      at = 0;
    }
  };
  return {
    next: () => {
      const taken = pending === undefined ? take() : undefined;
      if (taken !== undefined) return Promise.resolve(taken);
      const result = pending === undefined ? pull() : pending.then(pull, pull);
      const ended = result.then(
        () => undefined,
        () => undefined,
      );
      pending = ended;
      void ended.then(() => {
        if (pending === ended) pending = undefined;
      });
      return result;
    },
    return: async () => {
      batch = [];
      await batches.return(undefined);
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
