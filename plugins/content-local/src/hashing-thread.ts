import { Worker } from 'node:worker_threads';
import type { DigestAlgorithm } from '@slipway/oci';
import type { Reply, RequestBody } from './worker-messages.js';

interface Pending {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** One file in the thread. Every call may reject with a system error. */
export interface ThreadFile {
  /** Gives the buffer back when it is written. */
  append(buffer: ArrayBuffer, bytes: number): Promise<ArrayBuffer>;
  truncate(): Promise<void>;
  digest(algorithm: DigestAlgorithm): Promise<string>;
  close(): Promise<void>;
}

/** Starts the worker on first need, holds the process only while a call is under way. */
export class HashingThread implements AsyncDisposable {
  private worker: Worker | undefined;
  private readonly pending = new Map<number, Pending>();
  private calls = 0;
  private files = 0;

  /** `size` bytes of the file are hashed first. */
  open(fd: number, algorithm: DigestAlgorithm, size: number): ThreadFile {
    const worker = this.start();
    const file = ++this.files;
    const call = (body: RequestBody, transfer: readonly ArrayBuffer[] = []): Promise<Reply> => this.call(worker, body, transfer);
    const opened = call({ op: 'open', file, fd, algorithm, size });
    // Its failure is the failure of every later call.
    opened.catch(() => {});
    return {
      async append(buffer, bytes) {
        const reply = await call({ op: 'append', file, buffer, bytes }, [buffer]);
        return reply.buffer ?? buffer;
      },
      async truncate() {
        await call({ op: 'truncate', file });
      },
      async digest(wanted) {
        const reply = await call({ op: 'digest', file, algorithm: wanted });
        return reply.digest ?? '';
      },
      async close() {
        await call({ op: 'close', file });
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker?.terminate();
  }

  private start(): Worker {
    if (this.worker !== undefined) return this.worker;
    // No preloads and no environment of the parent's: the thread needs neither.
    const worker = new Worker(new URL('./worker.js', import.meta.url), { name: 'content-local', execArgv: [], env: {} });
    worker.unref();
    worker.on('message', (reply: Reply) => this.settle(worker, reply));
    worker.on('error', (error: Error) => this.lose(worker, error));
    worker.on('exit', (code) => this.lose(worker, new Error(`the hashing thread ended with ${code}`)));
    this.worker = worker;
    return worker;
  }

  private call(worker: Worker, body: RequestBody, transfer: readonly ArrayBuffer[]): Promise<Reply> {
    if (worker !== this.worker) return Promise.reject(new Error('the hashing thread has ended'));
    const call = ++this.calls;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.pending.set(call, { resolve, reject });
    worker.ref();
    worker.postMessage({ ...body, call }, transfer);
    return promise;
  }

  private settle(worker: Worker, reply: Reply): void {
    const pending = this.pending.get(reply.call);
    this.pending.delete(reply.call);
    if (this.pending.size === 0) worker.unref();
    if (reply.error === undefined) pending?.resolve(reply);
    else pending?.reject(Object.assign(new Error(reply.error.message), { code: reply.error.code }));
  }

  private lose(worker: Worker, error: Error): void {
    if (worker !== this.worker) return;
    this.worker = undefined;
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }
}
