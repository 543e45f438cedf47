import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import workerThreads, { type WorkerOptions } from 'node:worker_threads';

/** Before anything takes its place. */
const { Worker } = workerThreads;

/** By their files, those that are to end and have nothing to do. */
const idle = new Map<string, Thread[]>();

export function idleThreads(): number {
  return [...idle.values()].flat().length;
}

/** How many its event loop takes, in this Node and on this kernel. */
export async function descriptorsOfThread(): Promise<number> {
  const open = (): number => readdirSync('/proc/self/fd').length;
  const before = open();
  const thread = new Worker("require('node:worker_threads').parentPort.on('message', () => {})", { eval: true, execArgv: [] });
  await once(thread, 'online');
  const more = open() - before;
  await thread.terminate();
  return more;
}

/**
 * A thread that answers requests is let go of idle, and taken by who next starts one of its file, as if an engine went on living: to start them was most
 * of what a scenario's work took. One that is ended while it works does end, and so does one that is made for one job.
 */
class Thread extends Worker {
  readonly #key: string;
  /** Those who start such threads hold the process only while a request is under way. */
  #isIdle = false;

  constructor(key: string, file: string | URL, options: WorkerOptions) {
    super(file, options);
    this.#key = key;
  }

  override ref(): void {
    this.#isIdle = false;
    super.ref();
  }

  override unref(): void {
    this.#isIdle = true;
    super.unref();
  }

  override async terminate(): Promise<number> {
    if (!this.#isIdle) return await super.terminate();
    await Promise.resolve();
    const ended = this.listeners('exit');
    for (const event of ['message', 'messageerror', 'error', 'online', 'exit']) this.removeAllListeners(event);
    for (const each of ended) Reflect.apply(each, this, [1]);
    idle.set(this.#key, [...(idle.get(this.#key) ?? []), this]);
    return 1;
  }
}

/** How a thread is started: its file and options, which may be others than whoever starts it said. */
type Started = (file: string | URL, options: WorkerOptions) => readonly [string | URL, WorkerOptions];

/** From here on, in this thread, for all that is imported. */
export function keepThreads(started: Started): void {
  const construct = (_: unknown, [file, options = {}]: [string | URL, WorkerOptions?]): Thread => {
    const key = String(file);
    const kept = options.workerData === undefined ? idle.get(key)?.pop() : undefined;
    kept?.ref();
    return kept ?? new Thread(key, ...started(file, options));
  };
  workerThreads.Worker = new Proxy(Worker, { construct } as ProxyHandler<typeof Worker>);
  syncBuiltinESMExports();
}
