import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Monitor, ToolFailure } from '@slipway/monitor';
import { type ExitStatus, type RuntimeContainer, SlipwayError, step, type TerminalSize, wrapError } from '@slipway/plugin-api';
import type { ContainerFolder } from './container-folder.js';
import type { Tool } from './tool.js';
import { limitsMs, toolArgs } from './tool-command.js';
import { toolError } from './tool-errors.js';

/** A container that this process created, by way of its monitor. */
export class OciContainer implements RuntimeContainer {
  readonly id: string;
  readonly monitorPid: number;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  readonly #exit: Promise<ExitStatus>;

  constructor(
    readonly pid: number,
    private readonly monitor: Monitor,
    private readonly folder: ContainerFolder,
    private readonly tool: Tool,
  ) {
    this.id = folder.id;
    this.monitorPid = monitor.pid;
    this.stdin = monitor.stdin;
    this.stdout = monitor.stdout;
    this.stderr = monitor.stderr;
    this.#exit = this.#waitForExit();
    this.#exit.catch(() => {});
  }

  async start(): Promise<void> {
    try {
      await this.monitor.start({ args: toolArgs(this.tool, this.folder, 'start'), limitMs: limitsMs.start });
    } catch (error) {
      throw toolError(this.tool, 'start', this.id, error, this.folder.log);
    }
    step('runtime.start.started', { id: this.id, pid: this.pid });
  }

  detach(): Promise<void> {
    return Promise.reject(new Error('UNFINISHED'));
  }

  async kill(signal: number): Promise<void> {
    if (!Number.isInteger(signal) || signal < 1 || signal > 64) throw invalidSignal(this.id, signal);
    try {
      await this.monitor.signal(signal);
    } catch (error) {
      if (error instanceof ToolFailure && error.reason === 'exited') throw exited(this.id, error);
      throw wrapError(`signal ${signal} to container "${this.id}"`, error);
    }
  }

  async resize(size: TerminalSize): Promise<void> {
    try {
      await this.monitor.resize(size);
    } catch (error) {
      if (error instanceof ToolFailure && error.reason === 'state') throw noTerminal(this.id, error);
      throw wrapError(`resizing the terminal of container "${this.id}"`, error);
    }
  }

  wait(): Promise<ExitStatus> {
    return this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.monitor.release();
  }

  async #waitForExit(): Promise<ExitStatus> {
    // The record of a killed monitor is no substitute: output that it had not passed on is lost, and who waits must know.
    const status = await this.monitor.exited;
    await Promise.all([ended(this.stdout), ended(this.stderr)]);
    step('runtime.exited', { id: this.id, ...status });
    return status;
  }
}

async function ended(stream: Readable | undefined): Promise<void> {
  // However it ends, nothing more comes from it: an error is for the reader to see.
  if (stream !== undefined) await finished(stream, { writable: false }).catch(() => {});
}

function invalidSignal(id: string, signal: number): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'SIGNAL_INVALID',
    message: `container "${id}": signal ${signal}: expected a number from 1 to 64`,
  });
}

function exited(id: string, cause: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'not-found',
    code: 'CONTAINER_EXITED',
    message: `container "${id}" has exited`,
    details: { id },
    cause,
  });
}

function noTerminal(id: string, cause: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_NO_TERMINAL',
    message: `container "${id}" has no terminal to resize`,
    details: { id },
    cause,
  });
}
