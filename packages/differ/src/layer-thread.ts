import { Worker } from 'node:worker_threads';
import { canceled, SlipwayError } from '@slipway/plugin-api';
import type { JobMessage, JobRequest, Jobs, JobType } from './job.js';

export interface JobOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((bytes: number) => void) | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

interface RunningJob {
  readonly options: JobOptions;
  readonly stop: Int32Array;
  readonly resolve: (result: Jobs[JobType]['result']) => void;
  readonly reject: (error: unknown) => void;
}

/** A worker thread, started with its first job and kept for the next ones: one at a time. */
export class LayerThread {
  #worker: Worker | undefined;
  #running: RunningJob | undefined;

  /** Resolves or rejects only when the thread has let go of what the job names. */
  async run<Type extends JobType>(type: Type, job: Jobs[Type]['job'], options: JobOptions): Promise<Jobs[Type]['result']> {
    const worker = this.#started();
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const { promise, resolve, reject } = Promise.withResolvers<Jobs[JobType]['result']>();
    this.#running = { options, stop, resolve, reject };
    const onAbort = (): void => this.stop();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    // An idle thread does not keep the process alive; a busy one does.
    worker.ref();
    try {
      worker.postMessage({ type, job, stop: stop.buffer } as JobRequest);
      // The thread answers a job with a result of its type.
      return (await promise) as Jobs[Type]['result'];
    } catch (error) {
      throw options.signal?.aborted ? canceled(`${type} layer`, options.signal) : error;
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      this.#running = undefined;
      worker.unref();
    }
  }

  /** The job that runs, if any, ends with `canceled`. */
  stop(): void {
    if (this.#running) Atomics.store(this.#running.stop, 0, 1);
  }

  async terminate(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #started(): Worker {
    if (this.#worker) return this.#worker;
    // Without the program's own flags: some of them (--input-type) are errors in a worker.
    const worker = new Worker(new URL('./worker.js', import.meta.url), { name: 'slipway-layers', execArgv: [] });
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
        message: `the thread that works on layers is gone: ${cause instanceof Error ? cause.message : String(cause)}`,
        cause,
      }),
    );
  }
}
