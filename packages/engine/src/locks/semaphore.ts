export interface Semaphore {
  /** Places are given in the order in which they were asked for. Disposing frees the place. */
  take(): Promise<Disposable>;
}

/** So many at once in this process. */
export function semaphore(count: number): Semaphore {
  const waiting: (() => void)[] = [];
  let free = count;
  const release = (): void => {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  };
  return {
    take: async () => {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      return { [Symbol.dispose]: release };
    },
  };
}
