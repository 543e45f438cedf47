import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import {
  type Attachment,
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
  type WaitForOptions,
  wrapError,
} from '@slipway/plugin-api';
import { parseSignal } from '../bundle/index.js';
import { ContainerHandle } from '../containers/handle.js';
import { named } from '../containers/with-name.js';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import type { Works } from '../works.js';
import { collect } from './collect.js';

const defaultMaxOutputBytes = 16 * 1024 * 1024;

/** What this process does for a container until it ends, or is left to itself. */
export interface Attended {
  readonly operation: Operation;
  readonly dieWithParent: boolean;
  readonly removeAtExit: boolean;
  /** Where its stdin is open for others, too. */
  readonly input: Attachment | undefined;
  /** Kills it. */
  readonly signal: AbortSignal | undefined;
}

/** A container that this process started. When one that it attends to has exited, the operation ends, which removes what is not kept. */
export class StartedContainer extends ContainerHandle implements RunningContainer {
  readonly #parts: EngineParts;
  readonly #container: RuntimeContainer;
  readonly #left = Promise.withResolvers<undefined>();
  readonly #done: Promise<ExitStatus>;
  #attended: Attended | undefined;

  /** @param attended absent: it was detached from the beginning */
  constructor(
    parts: EngineParts,
    works: Works,
    named: { readonly name: string; readonly image: string },
    container: RuntimeContainer,
    attended: Attended | undefined,
  ) {
    super(parts, works, container.id, named.name, named.image);
    this.#parts = parts;
    this.#container = container;
    this.#attended = attended;
    if (attended === undefined) this.#left.resolve(undefined);
    this.#done = attended === undefined ? new Promise(() => {}) : this.#attendTo(attended);
    // The caller may never ask; a failure is not left unhandled then.
    this.#done.catch(() => {});
  }

  get pid(): number {
    return this.#container.pid;
  }

  get stdin(): Writable | undefined {
    return this.#attended && (this.#attended.input?.stdin ?? this.#container.stdin);
  }

  get stdout(): Readable | undefined {
    return this.#attended && this.#container.stdout;
  }

  get stderr(): Readable | undefined {
    return this.#attended && this.#container.stderr;
  }

  /** When this process has nothing to do with it any more: it has ended and is cleaned up, or was left to itself. */
  get unattended(): Promise<void> {
    return Promise.race([this.#done, this.#left.promise]).then(
      () => {},
      () => {},
    );
  }

  override kill(signal: string | number = 'SIGKILL'): Promise<void> {
    return this.#attended === undefined ? super.kill(signal) : this.#container.kill(parseSignal(signal));
  }

  override resize(size: TerminalSize): Promise<void> {
    return this.#attended === undefined ? super.resize(size) : this.#container.resize(size);
  }

  override async wait(options: WaitForOptions = {}): Promise<ExitStatus> {
    const isOurs = this.#attended !== undefined && (options.until !== 'removed' || this.#attended.removeAtExit);
    const status = isOurs ? await Promise.race([this.#done, this.#left.promise]) : undefined;
    return status ?? super.wait(options);
  }

  async detach(): Promise<void> {
    const attended = this.#attended;
    if (attended === undefined) return;
    if (attended.dieWithParent) throw diesWithParent(this.name);
    this.#attended = undefined;
    this.#left.resolve(undefined);
    attended.operation.leave();
    await attended.input?.[Symbol.asyncDispose]();
    await this.#container.detach();
    await this.#container[Symbol.asyncDispose]();
  }

  async output(options: { readonly maxBytes?: number | undefined } = {}): Promise<ContainerOutput> {
    const limit = options.maxBytes ?? defaultMaxOutputBytes;
    try {
      const [stdout, stderr] = await Promise.all([collect(this.stdout, limit, 'stdout'), collect(this.stderr, limit, 'stderr')]);
      return { ...(await this.wait()), stdout, stderr };
    } catch (error) {
      await this[Symbol.asyncDispose]();
      const what = `output of container ${JSON.stringify(this.name)}`;
      // Whoever disposes of the container, or of the engine, takes the streams away.
      throw hasCode(error, 'ERR_STREAM_PREMATURE_CLOSE') ? canceled(what) : wrapError(what, error);
    }
  }

  /** Ends the container, if it has not ended and was not left to itself, and waits until nothing of it is left that is not kept. */
  override async [Symbol.asyncDispose](): Promise<void> {
    if (this.#attended === undefined) return;
    await this.#killQuietly();
    this.stdout?.destroy();
    this.stderr?.destroy();
    await this.#done.catch(() => {});
  }

  async #attendTo(attended: Attended): Promise<ExitStatus> {
    const { operation, signal } = attended;
    // What hinders the kill is met again, and told, by the disposal.
    const abort = (): void => void this.#killQuietly().catch(() => {});
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    let runsOn = false;
    try {
      return await this.#container.wait();
    } catch (error) {
      runsOn = !attended.dieWithParent && (await this.#runsOn());
      throw hasCode(error, 'MONITOR_LOST') ? monitorKilled(this, runsOn, error) : named(this, error);
    } finally {
      signal?.removeEventListener('abort', abort);
      if (this.#attended !== undefined) {
        step('run.exited', { id: this.id });
        if (runsOn) operation.leave();
        else await operation.end();
        await attended.input?.[Symbol.asyncDispose]();
        await this.#container[Symbol.asyncDispose]();
      }
    }
  }

  /** Its monitor was killed; it is left to itself like any other. */
  async #runsOn(): Promise<boolean> {
    const { containerById } = await import('../containers/find.js');
    const { containerState } = await import('../containers/state.js');
    try {
      const { status } = await containerState(this.#parts, containerById(this.#parts, this.id));
      return status === 'running' || status === 'paused';
    } catch (error) {
      this.#parts.log.debug(`what container "${this.id}" does is not known: ${String(error)}`);
      return false;
    }
  }

  async #killQuietly(): Promise<void> {
    try {
      await this.#container.kill(constants.signals.SIGKILL);
    } catch (error) {
      if (!isKind(error, 'not-found', 'unavailable', 'internal')) throw error;
    }
  }
}

function monitorKilled({ id, name }: ContainerHandle, runsOn: boolean, cause: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'internal',
    code: 'MONITOR_LOST',
    message: runsOn
      ? `container ${JSON.stringify(name)} runs on, but its monitor was killed: nobody reads what it writes, and how it ends will not be known`
      : `container ${JSON.stringify(name)} has ended, and nobody saw how: its monitor was killed`,
    hint: runsOn
      ? `slipway exec ${name} looks into it, slipway stop ${name} ends it, slipway restart ${name} gives it a monitor`
      : undefined,
    cause,
    details: { id, name, runsOn },
  });
}

function diesWithParent(name: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_DIES_WITH_PARENT',
    message: `container ${JSON.stringify(name)} was started to end with the process that started it, and cannot be left to itself`,
    hint: 'start it without dieWithParent',
  });
}
