import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Monitor, ToolFailure } from '@slipway/monitor';
import { type ExecProcess, type ExitStatus, SlipwayError, type TerminalSize, wrapError } from '@slipway/plugin-api';
import { isMonitorLost } from './connection.js';
import { checkSignal, noTerminal } from './errors.js';

/** A process that this process started, by way of its monitor. */
export class OciProcess implements ExecProcess {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  readonly #exit: Promise<ExitStatus>;

  /** `what`: as messages call it. `onExit` is called before anybody hears of the exit. */
  constructor(
    readonly pid: number,
    protected readonly what: string,
    protected readonly monitor: Monitor,
    onExit: (status: ExitStatus) => void | Promise<void>,
  ) {
    this.stdin = monitor.stdin;
    this.stdout = monitor.stdout;
    this.stderr = monitor.stderr;
    this.#exit = this.#waitForExit(onExit);
    this.#exit.catch(() => {});
  }

  async kill(signal: number): Promise<void> {
    checkSignal(this.what, signal);
    try {
      await this.monitor.signal(signal);
    } catch (error) {
      if (error instanceof ToolFailure && error.reason === 'exited') throw this.#exited(error);
      if (isMonitorLost(error) && (await this.#hasExited())) throw this.#exited(error);
      throw wrapError(`signal ${signal} to ${this.what}`, error);
    }
  }

  async resize(size: TerminalSize): Promise<void> {
    try {
      await this.monitor.resize(size);
    } catch (error) {
      if (error instanceof ToolFailure && error.reason === 'state') throw noTerminal(this.what, error);
      throw wrapError(`resizing the terminal of ${this.what}`, error);
    }
  }

  async detach(): Promise<void> {
    await this.monitor.detach();
  }

  wait(): Promise<ExitStatus> {
    return this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.monitor.release();
  }

  async #waitForExit(onExit: (status: ExitStatus) => void | Promise<void>): Promise<ExitStatus> {
    // The record of a killed monitor is no substitute: output that it had not passed on is lost, and who waits must know.
    const status = await this.monitor.exited;
    await Promise.all([ended(this.stdout), ended(this.stderr)]);
    await onExit(status);
    return status;
  }

  /** Of a monitor that has gone: orderly, when it has told the exit before. */
  async #hasExited(): Promise<boolean> {
    return await this.monitor.exited.then(
      () => true,
      () => false,
    );
  }

  #exited(cause: unknown): SlipwayError {
    return new SlipwayError({
      kind: 'not-found',
      code: 'CONTAINER_EXITED',
      message: `${this.what} has exited`,
      cause,
    });
  }
}

async function ended(stream: Readable | undefined): Promise<void> {
  // However it ends, nothing more comes from it: an error is for the reader to see.
  if (stream !== undefined) await finished(stream, { writable: false }).catch(() => {});
}
