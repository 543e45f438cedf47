import { type FSWatcher, watch } from 'node:fs';
import { throwIfAborted } from '@slipway/plugin-api';

/** Also without a change: what ends a container need not write, and inotify may have no watch left for us. */
const longestWaitMs = 1000;
const withoutWatchMs = 100;

/** Tells when something in a log's folder may have changed. */
export class LogChanges implements Disposable {
  readonly #directory: string;
  readonly #signal: AbortSignal | undefined;
  #watcher: FSWatcher | undefined;
  #hasChanged = false;
  #mayBeOver = true;
  #wake = (): void => undefined;

  constructor(directory: string, signal: AbortSignal | undefined) {
    this.#directory = directory;
    this.#signal = signal;
    this.#watch();
  }

  /** Resolves after a change since the last call, and now and then; not long after `until`. Errors: `canceled`. */
  async next(until: Date | undefined): Promise<void> {
    throwIfAborted('follow a log', this.#signal);
    if (!this.#hasChanged) await this.#wait(until);
    this.#hasChanged = false;
    throwIfAborted('follow a log', this.#signal);
  }

  /** Whether anything but the log has changed since the last call, or a while has passed: asking for the container's state at each line would cost more than the line. */
  takeSignOfEnd(): boolean {
    const sign = this.#mayBeOver;
    this.#mayBeOver = false;
    return sign;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }

  #watch(): void {
    try {
      this.#watcher = watch(this.#directory, (_event, file) => this.#changed(file));
      this.#watcher.on('error', () => this.#lost());
    } catch {
      this.#lost();
    }
  }

  #lost(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #changed(file: string | null): void {
    if (file !== 'log') this.#mayBeOver = true;
    this.#hasChanged = true;
    this.#wake();
  }

  #wait(until: Date | undefined): Promise<void> {
    const longest = this.#watcher === undefined ? withoutWatchMs : longestWaitMs;
    const left = until === undefined ? longest : Math.max(1, until.getTime() - Date.now() + 1);
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#signal?.removeEventListener('abort', done);
        this.#wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(
        () => {
          this.#mayBeOver = true;
          done();
        },
        Math.min(longest, left),
      );
      this.#signal?.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }
}
