import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { canceled, SlipwayError, throwIfAborted } from '@slipway/plugin-api';
import type { ApplyJob, ApplyResult, JobMessage } from './job.js';

export interface JobOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((bytes: number) => void) | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

interface RunningJob {
  readonly options: JobOptions;
  readonly stop: Int32Array;
  readonly resolve: (result: ApplyResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The one worker thread, started with the first job and kept for the next ones. Jobs run one after the other: they are
 * bound by processor and disk, and a second thread gains nothing beside the thread pool that inflates.
 */
export class LayerWorker implements AsyncDisposable {
  #worker: Worker | undefined;
  #running: RunningJob | undefined;
  /** Settles when the job that was asked for last is over. */
  #tail: Promise<void> = Promise.resolve();
  #isDisposed = false;

  /** Resolves or rejects only when the thread has let go of the blob and the target, unless the job never began. */
  async run(job: Omit<ApplyJob, 'stop'>, options: JobOptions = {}): Promise<ApplyResult> {
    const turn = this.#tail;
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    this.#tail = over;
    try {
      await waitForTurn(turn, options.signal);
      throwIfAborted('apply layer', options.signal);
      if (this.#isDisposed) throw closed();
      return await this.#post(job, options);
    } finally {
      void turn.then(end);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    if (this.#running) Atomics.store(this.#running.stop, 0, 1);
    await this.#tail;
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  async #post(job: Omit<ApplyJob, 'stop'>, options: JobOptions): Promise<ApplyResult> {
    const worker = this.#started();
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const { promise, resolve, reject } = Promise.withResolvers<ApplyResult>();
    this.#running = { options, stop, resolve, reject };
    const onAbort = (): void => void Atomics.store(stop, 0, 1);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    // An idle thread does not keep the process alive; a busy one does.
    worker.ref();
    try {
      worker.postMessage({ ...job, stop: stop.buffer } satisfies ApplyJob);
      return await promise;
    } catch (error) {
      throw options.signal?.aborted ? canceled('apply layer', options.signal) : error;
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      this.#running = undefined;
      worker.unref();
    }
  }

  #started(): Worker {
    if (this.#worker) return this.#worker;
    // Without the program's own flags: some of them (--input-type) are errors in a worker.
    const worker = new Worker(new URL('./worker.js', import.meta.url), { name: 'slipway-differ-tar', execArgv: [] });
    worker.on('message', (message: JobMessage) => this.#receive(message));
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', (code) => this.#lose(worker, new Error(`worker thread ended with code ${code}`)));
    this.#worker = worker;
    return worker;
  }

  #receive(message: JobMessage): void {
    const running = this.#running;
    if (!running) return;
    if (message.type === 'progress') running.options.onProgress?.(message.bytes);
    else if (message.type === 'warning') running.options.onWarning?.(message.message);
    else if (message.type === 'done') running.resolve(message.result);
    else running.reject(new SlipwayError(message.error));
  }

  #lose(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#running?.reject(
      new SlipwayError({
        kind: 'internal',
        code: 'LAYER_WORKER_LOST',
        message: `the thread that applies layers is gone: ${cause instanceof Error ? cause.message : String(cause)}`,
        cause,
      }),
    );
  }
}

async function waitForTurn(turn: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return turn;
  throwIfAborted('apply layer', signal);
  const settled = new AbortController();
  await Promise.race([
    turn.finally(() => settled.abort()),
    once(signal, 'abort', { signal: settled.signal }).catch(() => undefined),
  ]);
}

function closed(): SlipwayError {
  return new SlipwayError({ kind: 'unavailable', code: 'DIFFER_CLOSED', message: 'apply layer: the differ has been closed' });
}
