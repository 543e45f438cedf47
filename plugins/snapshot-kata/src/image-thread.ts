import { Worker } from 'node:worker_threads';
import { SlipwayError } from '@slipway/plugin-api';
import type { ImageJob, ImageReply, ImageRequest } from './image-worker.js';

interface Waiting {
  readonly resolve: (reply: ImageReply) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes images and their hash trees in a thread that is started when there is one to write, and keeps the process alive only while it works. */
export class ImageThread implements AsyncDisposable {
  #worker: Worker | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #isDisposed = false;

  /** Fulfils with the root digest of a hash tree. */
  async run(job: ImageJob): Promise<string> {
    if (this.#isDisposed) throw canceled();
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const id = this.#nextId++;
    const { error, rootDigest = '' } = await new Promise<ImageReply>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.ref();
      worker.postMessage({ id, job } satisfies ImageRequest);
    });
    if (error !== undefined) throw Object.assign(new Error(error.message), error.properties);
    return rootDigest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#worker?.terminate();
  }

  #start(): Worker {
    // It closes descriptors that no call of node:fs has opened, of which Node would warn.
    const worker = new Worker(new URL('./image-worker.js', import.meta.url), { execArgv: [], trackUnmanagedFds: false });
    worker.on('message', (reply: ImageReply) => {
      this.#waiting.get(reply.id)?.resolve(reply);
      this.#waiting.delete(reply.id);
      if (this.#waiting.size === 0) worker.unref();
    });
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', () => this.#lose(worker, canceled()));
    return worker;
  }

  #lose(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function canceled(): SlipwayError {
  return new SlipwayError({ kind: 'canceled', code: 'CANCELED', message: 'work on a snapshot was canceled' });
}
