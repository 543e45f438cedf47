import { Worker } from 'node:worker_threads';
import { throwIfAborted } from '@slipway/plugin-api';
import type { VerifyJob, VerifyReply, VerifyRequest, VerifyResult } from './verify/job.js';

export interface VerifyJobOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

interface Pending {
  readonly onProgress: (bytes: number) => void;
  readonly resolve: (result: VerifyResult) => void;
  readonly reject: (error: Error) => void;
}

/** A thread for the time of one verification. */
export class VerifyThread implements AsyncDisposable {
  // Without the program's own flags: some of them are errors in a worker.
  readonly #worker = new Worker(new URL('./verify-worker.js', import.meta.url), {
    name: 'slipway-verify',
    execArgv: [],
    // It closes descriptors that no call of node:fs has opened, of which Node would warn.
    trackUnmanagedFds: false,
  });
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #lost: Error | undefined;

  constructor() {
    this.#worker.unref();
    this.#worker.on('message', (reply: VerifyReply) => this.#receive(reply));
    this.#worker.on('error', (error: Error) => this.#lose(error));
    this.#worker.on('exit', (code) => this.#lose(new Error(`the verifying thread ended with ${code}`)));
  }

  /** Errors: system errors of reading, with their code; `canceled`. */
  async run(job: VerifyJob, { signal, onProgress = () => {} }: VerifyJobOptions = {}): Promise<VerifyResult> {
    throwIfAborted('verify', signal);
    if (this.#lost !== undefined) throw this.#lost;
    const stop = new SharedArrayBuffer(4);
    const onAbort = (): void => void Atomics.store(new Int32Array(stop), 0, 1);
    signal?.addEventListener('abort', onAbort, { once: true });
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<VerifyResult>();
    this.#pending.set(id, { onProgress, resolve, reject });
    this.#worker.ref();
    this.#worker.postMessage({ id, job, stop } satisfies VerifyRequest);
    try {
      return await promise;
    } catch (error) {
      throwIfAborted('verify', signal);
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#pending.delete(id);
      if (this.#pending.size === 0) this.#worker.unref();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  #receive(reply: VerifyReply): void {
    const pending = this.#pending.get(reply.id);
    if (reply.type === 'progress') pending?.onProgress(reply.bytes);
    else if (reply.type === 'done') pending?.resolve(reply.result);
    else pending?.reject(Object.assign(new Error(reply.message), { code: reply.code }));
  }

  #lose(error: Error): void {
    this.#lost ??= error;
    for (const { reject } of this.#pending.values()) reject(error);
  }
}
