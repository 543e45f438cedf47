import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import {
  type ContainerOutput,
  canceled,
  type Exec,
  type ExecProcess,
  type ExitStatus,
  hasCode,
  isKind,
  type TerminalSize,
  wrapError,
} from '@slipway/plugin-api';
import { parseSignal } from '../../bundle/index.js';
import { collect } from '../../run/collect.js';
import { withName } from '../with-name.js';

const defaultMaxOutputBytes = 16 * 1024 * 1024;

/** A process in a container that this process started. */
export class StartedExec implements Exec {
  readonly #process: ExecProcess;
  readonly #done: Promise<ExitStatus>;
  #isDetached: boolean;

  constructor(
    process: ExecProcess,
    {
      container,
      isDetached,
      signal,
      onExit,
    }: {
      readonly container: { readonly id: string; readonly name: string };
      readonly isDetached: boolean;
      readonly signal: AbortSignal | undefined;
      /** Called before anybody hears of it; not where it was left before. */
      readonly onExit: (status: ExitStatus) => void;
    },
  ) {
    this.#process = process;
    this.#isDetached = isDetached;
    const abort = (): void => void this.#killQuietly().catch(() => {});
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    const exit = async (): Promise<ExitStatus> => {
      const status = await process.wait();
      if (!this.#isDetached) onExit(status);
      return status;
    };
    this.#done = withName(container, exit).finally(() => signal?.removeEventListener('abort', abort));
    // The caller may never ask; a failure is not left unhandled then.
    this.#done.catch(() => {});
  }

  get pid(): number {
    return this.#process.pid;
  }

  get stdin(): Writable | undefined {
    return this.#process.stdin;
  }

  get stdout(): Readable | undefined {
    return this.#process.stdout;
  }

  get stderr(): Readable | undefined {
    return this.#process.stderr;
  }

  async kill(signal: string | number = 'SIGKILL'): Promise<void> {
    await this.#process.kill(parseSignal(signal));
  }

  resize(size: TerminalSize): Promise<void> {
    return this.#process.resize(size);
  }

  async detach(): Promise<void> {
    if (this.#isDetached) return;
    this.#isDetached = true;
    await this.#process.detach();
  }

  wait(): Promise<ExitStatus> {
    return this.#done;
  }

  async output(options: { readonly maxBytes?: number | undefined } = {}): Promise<ContainerOutput> {
    const limit = options.maxBytes ?? defaultMaxOutputBytes;
    try {
      const [stdout, stderr] = await Promise.all([collect(this.stdout, limit, 'stdout'), collect(this.stderr, limit, 'stderr')]);
      return { ...(await this.#done), stdout, stderr };
    } catch (error) {
      await this[Symbol.asyncDispose]();
      const what = `output of process ${this.pid}`;
      throw hasCode(error, 'ERR_STREAM_PREMATURE_CLOSE') ? canceled(what) : wrapError(what, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isDetached) {
      await this.#killQuietly();
      this.stdout?.destroy();
      this.stderr?.destroy();
      await this.#done.catch(() => {});
    }
    await this.#process[Symbol.asyncDispose]();
  }

  async #killQuietly(): Promise<void> {
    if (this.#isDetached) return;
    try {
      await this.#process.kill(constants.signals.SIGKILL);
    } catch (error) {
      if (!isKind(error, 'not-found', 'unavailable', 'internal')) throw error;
    }
  }
}
