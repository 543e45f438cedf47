import { Worker } from 'node:worker_threads';
import { SlipwayError, type SnapshotUsage } from '@slipway/plugin-api';
import { snapshotterClosed } from './errors.js';
import { removeSmallTree } from './remove-tree.js';
import type { TreeJob, TreeReply, TreeRequest } from './tree-worker.js';

/** Removed in a few milliseconds. */
const smallTreeEntries = 64;

interface Waiting {
  readonly resolve: (reply: TreeReply) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
}

/** Long work on trees, in a thread that is started when there is some and keeps the process alive only while it works. */
export class TreeJobs implements AsyncDisposable {
  #thread: Thread | undefined;
  #nextId = 0;
  #isDisposed = false;

  /** Copies a directory into an empty one, see copy-tree.ts. */
  async copy(from: string, to: string): Promise<void> {
    await this.#run({ kind: 'copy', from, to });
  }

  /** What a short-lived container leaves is removed at once: starting a thread for it takes longer. */
  async remove(path: string): Promise<void> {
    if (removeSmallTree(path, smallTreeEntries)) return;
    await this.#run({ kind: 'remove', path });
  }

  async measure(path: string): Promise<SnapshotUsage> {
    return (await this.#run({ kind: 'measure', path })).usage ?? { bytes: 0, inodes: 0 };
  }

  /** syncfs(2) of the file system that `path` is on. */
  async sync(path: string): Promise<void> {
    await this.#run({ kind: 'sync', path });
  }

  /** Work that is under way is canceled, and no other begins. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#thread?.worker.terminate();
  }

  async #run(job: TreeJob): Promise<TreeReply> {
    if (this.#isDisposed) throw snapshotterClosed();
    this.#thread ??= this.#start();
    const { worker, waiting } = this.#thread;
    const id = this.#nextId++;
    const reply = await new Promise<TreeReply>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      worker.ref();
      worker.postMessage({ id, job } satisfies TreeRequest);
    });
    if (reply.error !== undefined) throw Object.assign(new Error(reply.error.message), reply.error.properties);
    return reply;
  }

  #start(): Thread {
    // It closes descriptors that no call of node:fs has opened, of which Node would warn.
    const worker = new Worker(new URL('./tree-worker.js', import.meta.url), { trackUnmanagedFds: false });
    const waiting = new Map<number, Waiting>();
    const end = (error: unknown): void => {
      if (this.#thread?.worker === worker) this.#thread = undefined;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    };
    worker.on('message', (reply: TreeReply) => {
      waiting.get(reply.id)?.resolve(reply);
      waiting.delete(reply.id);
      if (waiting.size === 0) worker.unref();
    });
    worker.on('error', end);
    worker.on('exit', () =>
      end(new SlipwayError({ kind: 'canceled', code: 'CANCELED', message: 'work on a snapshot was canceled' })),
    );
    return { worker, waiting };
  }
}
