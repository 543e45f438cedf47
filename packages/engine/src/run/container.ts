import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import {
  type ContainerOutput,
  canceled,
  type ExitStatus,
  hasCode,
  isKind,
  type RunningContainer,
  type RuntimeContainer,
  SlipwayError,
  step,
  type TerminalSize,
  wrapError,
} from '@slipway/plugin-api';
import { parseSignal } from '../bundle/index.js';
import { ContainerHandle } from '../containers/handle.js';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';
import type { Works } from '../works.js';

const defaultMaxOutputBytes = 16 * 1024 * 1024;

/** A container that this process runs. When it has exited, its operation ends, which removes everything of it. */
export class StartedContainer extends ContainerHandle implements RunningContainer {
  readonly #container: RuntimeContainer;
  readonly #done: Promise<ExitStatus>;

  constructor(
    parts: EngineParts,
    works: Works,
    named: { readonly name: string; readonly image: string },
    container: RuntimeContainer,
    operation: Operation,
    signal: AbortSignal | undefined,
  ) {
    super(parts, works, container.id, named.name, named.image);
    this.#container = container;
    // What hinders the kill is met again, and told, by the disposal.
    const abort = (): void => void this.#killQuietly().catch(() => {});
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    this.#done = waitAndCleanUp(container, operation).finally(() => signal?.removeEventListener('abort', abort));
    // The caller may never ask; a failure is not left unhandled then.
    this.#done.catch(() => {});
  }

  get pid(): number {
    return this.#container.pid;
  }

  get stdin(): Writable | undefined {
    return this.#container.stdin;
  }

  get stdout(): Readable | undefined {
    return this.#container.stdout;
  }

  get stderr(): Readable | undefined {
    return this.#container.stderr;
  }

  override kill(signal: string | number = 'SIGKILL'): Promise<void> {
    return this.#container.kill(parseSignal(signal));
  }

  override resize(size: TerminalSize): Promise<void> {
    return this.#container.resize(size);
  }

  override wait(): Promise<ExitStatus> {
    return this.#done;
  }

  async detach(): Promise<void> {
    throw unfinished('detach');
  }

  async output(options: { readonly maxBytes?: number | undefined } = {}): Promise<ContainerOutput> {
    const limit = options.maxBytes ?? defaultMaxOutputBytes;
    try {
      const [stdout, stderr] = await Promise.all([collect(this.stdout, limit, 'stdout'), collect(this.stderr, limit, 'stderr')]);
      return { ...(await this.#done), stdout, stderr };
    } catch (error) {
      await this[Symbol.asyncDispose]();
      const what = `output of container "${this.id}"`;
      // Whoever disposes of the container, or of the engine, takes the streams away.
      throw hasCode(error, 'ERR_STREAM_PREMATURE_CLOSE') ? canceled(what) : wrapError(what, error);
    }
  }

  /** Ends the container, if it has not ended, and waits until nothing of it is left. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#killQuietly();
    this.stdout?.destroy();
    this.stderr?.destroy();
    await this.#done.catch(() => {});
  }

  async #killQuietly(): Promise<void> {
    try {
      await this.#container.kill(constants.signals.SIGKILL);
    } catch (error) {
      if (!isKind(error, 'not-found', 'unavailable', 'internal')) throw error;
    }
  }
}

async function waitAndCleanUp(container: RuntimeContainer, operation: Operation): Promise<ExitStatus> {
  try {
    return await container.wait();
  } finally {
    step('run.exited', { id: container.id });
    await operation.end();
    await container[Symbol.asyncDispose]();
  }
}

async function collect(stream: Readable | undefined, limit: number, name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream ?? []) {
    const buffer = chunk as Buffer;
    bytes += buffer.byteLength;
    if (bytes > limit) {
      throw new SlipwayError({
        kind: 'resource-exhausted',
        code: 'OUTPUT_TOO_LARGE',
        message: `${name} of the container has more than ${limit} bytes`,
        hint: 'read the streams of the container instead of collecting them, or raise maxBytes',
      });
    }
    chunks.push(buffer);
  }
  return Buffer.concat(chunks);
}
