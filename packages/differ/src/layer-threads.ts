import { availableParallelism } from 'node:os';
import { canceled, SlipwayError, throwIfAborted } from '@slipway/plugin-api';
import type { Jobs, JobType } from './job.js';
import { type JobOptions, LayerThread } from './layer-thread.js';

/** More would only wait for the disk, and each takes 70 to 120 MB of memory. */
const mostThreads = 4;

export interface ThreadsJobOptions extends JobOptions {
  /** Of those that wait the heaviest goes first: what takes longest must not be begun last, when nothing is left for the other threads. */
  readonly weight: number;
}

interface Waiting {
  readonly weight: number;
  readonly take: (thread: LayerThread) => void;
  readonly refuse: () => void;
}

/** Hands jobs to worker threads, as many at once as there are processors; the others wait for their turn. */
export class LayerThreads implements AsyncDisposable {
  readonly #threads: readonly LayerThread[] = Array.from(
    { length: Math.min(availableParallelism(), mostThreads) },
    () => new LayerThread(),
  );
  readonly #free: LayerThread[] = [...this.#threads];
  readonly #waiting: Waiting[] = [];
  readonly #running = new Set<Promise<unknown>>();
  #isClosed = false;

  /** Resolves or rejects only when the thread has let go of what the job names, unless the job never began. */
  async run<Type extends JobType>(type: Type, job: Jobs[Type]['job'], options: ThreadsJobOptions): Promise<Jobs[Type]['result']> {
    const what = `${type} layer`;
    throwIfAborted(what, options.signal);
    const thread = await this.#turn(what, options);
    try {
      // Between the turn's coming and now.
      throwIfAborted(what, options.signal);
      if (this.#isClosed) throw closed(what);
      const work = thread.run(type, job, options);
      this.#running.add(work);
      try {
        return await work;
      } finally {
        this.#running.delete(work);
      }
    } finally {
      this.#release(thread);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const { refuse } of this.#waiting.splice(0)) refuse();
    for (const thread of this.#threads) thread.stop();
    await Promise.allSettled(this.#running);
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }

  async #turn(what: string, { signal, weight }: ThreadsJobOptions): Promise<LayerThread> {
    if (this.#isClosed) throw closed(what);
    const free = this.#free.pop();
    if (free) return free;
    const { promise, resolve, reject } = Promise.withResolvers<LayerThread>();
    const place: Waiting = { weight, take: resolve, refuse: () => reject(closed(what)) };
    const lighter = this.#waiting.findIndex((other) => other.weight < weight);
    this.#waiting.splice(lighter === -1 ? this.#waiting.length : lighter, 0, place);
    const onAbort = (): void => {
      const index = this.#waiting.indexOf(place);
      // Not there any more: its turn has come.
      if (index === -1) return;
      this.#waiting.splice(index, 1);
      reject(canceled(what, signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #release(thread: LayerThread): void {
    const next = this.#waiting.shift();
    if (next) next.take(thread);
    // On top, so that a thread that is started is taken before one that is not.
    else this.#free.push(thread);
  }
}

function closed(what: string): SlipwayError {
  return new SlipwayError({ kind: 'unavailable', code: 'DIFFER_CLOSED', message: `${what}: the differ has been closed` });
}
