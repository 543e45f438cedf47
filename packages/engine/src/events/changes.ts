import { watch } from 'node:fs';
import { wrapError } from '@slipway/plugin-api';

/** In case the kernel's queue of changes has overflowed, or the file system tells of none. */
export const lookAgainMs = 1000;

/** Resolves when something in the folder has changed since the last time, or it is time to look. */
export class Changes implements Disposable {
  readonly #ending = new DisposableStack();
  #changed = Promise.withResolvers<void>();

  constructor(
    folder: string,
    private readonly until: Date | undefined,
    signal: AbortSignal | undefined,
  ) {
    const tell = (): void => this.#changed.resolve();
    try {
      const watcher = this.#ending.adopt(watch(folder), (one) => one.close());
      watcher.on('change', tell);
      // Too many are watched on this machine, say: the clock remains.
      watcher.on('error', tell);
    } catch (error) {
      throw wrapError(`watch ${JSON.stringify(folder)}`, error);
    }
    signal?.addEventListener('abort', tell, { once: true });
    this.#ending.defer(() => signal?.removeEventListener('abort', tell));
  }

  async next(): Promise<void> {
    const left = this.until === undefined ? lookAgainMs : Math.max(1, this.until.getTime() - Date.now());
    const timer = setTimeout(() => this.#changed.resolve(), Math.min(left, lookAgainMs));
    await this.#changed.promise;
    clearTimeout(timer);
    this.#changed = Promise.withResolvers();
  }

  [Symbol.dispose](): void {
    this.#ending[Symbol.dispose]();
  }
}
