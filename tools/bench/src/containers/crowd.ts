/** Does something so many times, so many at once; resolves with the milliseconds that all took. */
export async function crowd(size: number, atOnce: number, work: (index: number) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < size) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return performance.now() - start;
}
