import type { Socket } from 'node:net';
import { type ExitStatus, SlipwayError } from '@slipway/plugin-api';
import { encodeFrame, FrameReader } from './frames.js';
import { ToolFailure, type ToolFailureReason } from './tool-failure.js';

interface Pending {
  readonly verb: string;
  readonly resolve: (value: string) => void;
  readonly reject: (error: unknown) => void;
}

/** The client's end of the control channel: requests with their answers, and what the monitor tells by itself. */
export class Requests {
  readonly #socket: Socket;
  readonly #pending = new Map<string, Pending>();
  readonly #reader = new FrameReader();
  #nextId = 1;
  #failure: unknown;
  #closed = false;
  onHello: (version: string) => void = () => {};
  onExited: (status: ExitStatus) => void = () => {};
  /** Once, after the last frame. With what went wrong, if the monitor told. */
  onClosed: (failure: unknown) => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    // An error is always followed by 'close'.
    socket.on('error', () => {});
    socket.on('close', () => this.#close());
  }

  /** Resolves with the answer's value. Rejects with a {@link ToolFailure}, or when the monitor is gone. */
  send(verb: string, ...args: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(monitorLost(verb, this.#failure));
        return;
      }
      const id = String(this.#nextId++);
      const frame = encodeFrame([verb, id, ...args]);
      this.#pending.set(id, { verb, resolve, reject });
      this.#socket.write(frame);
    });
  }

  unref(): void {
    this.#socket.unref();
  }

  /** An answer is waited for again. */
  ref(): void {
    this.#socket.ref();
  }

  end(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#dispatch(frame);
    } catch (error) {
      this.#failure = error;
      this.#socket.destroy();
    }
  }

  #dispatch([verb = '', id = '', ...rest]: readonly string[]): void {
    const pending = this.#pending.get(id);
    if (verb === 'hello') {
      this.onHello(rest[0] ?? '');
    } else if (verb === 'exited') {
      this.onExited(exitStatus(rest));
    } else if (verb === 'ok' && pending !== undefined) {
      this.#pending.delete(id);
      pending.resolve(rest[0] ?? '');
    } else if (verb === 'failed') {
      const failure = new ToolFailure(
        pending?.verb ?? 'monitor',
        rest[0] as ToolFailureReason,
        Number(rest[1]),
        rest.slice(2).join(': '),
      );
      this.#pending.delete(id);
      if (pending === undefined) this.#failure = failure;
      else pending.reject(failure);
    } else {
      throw new Error(`the monitor sent ${JSON.stringify(verb)} for request ${JSON.stringify(id)}`);
    }
  }

  #close(): void {
    this.#closed = true;
    for (const { verb, reject } of this.#pending.values()) reject(monitorLost(verb, this.#failure));
    this.#pending.clear();
    this.onClosed(this.#failure);
  }
}

export function monitorLost(during: string, cause: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'internal',
    code: 'MONITOR_LOST',
    message: `container monitor ended during "${during}"${cause instanceof Error ? `: ${cause.message}` : ''}`,
    hint: 'the monitor was killed, or could not begin; deleting the container cleans up what is left',
    cause,
  });
}

function exitStatus([code = '', signal = '', exitedAt = '']: readonly string[]): ExitStatus {
  const signalNumber = Number(signal);
  return { exitCode: Number(code), ...(signalNumber === 0 ? {} : { signal: signalNumber }), exitedAt };
}
