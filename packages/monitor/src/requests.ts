import type { Socket } from 'node:net';
import { type ExitStatus, SlipwayError } from '@slipway/plugin-api';
import { encodeFrame, FrameReader } from './frames.js';
import { ToolFailure, type ToolFailureReason } from './tool-failure.js';

const protocolVersion = '2';

interface Pending {
  readonly verb: string;
  readonly resolve: (value: string) => void;
  readonly reject: (error: unknown) => void;
}

/** The client's end of a connection: requests with their answers, and what the monitor tells by itself. */
export class Requests {
  readonly #pending = new Map<string, Pending>();
  readonly #reader = new FrameReader();
  readonly #hello = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<ExitStatus>();
  #nextId = 1;
  #failure: unknown;
  #closed = false;
  #hasExited = false;
  #hungUp = false;
  #takeBytes: ((bytes: Buffer) => void) | undefined;
  /** When the monitor speaks our version of the protocol. */
  readonly hello = this.#hello.promise;
  /** Never unhandled. */
  readonly exited = this.#exited.promise;

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    // An error is always followed by 'close'.
    socket.on('error', (error) => {
      this.#failure ??= error;
    });
    socket.on('close', () => this.#close());
    this.hello.catch(() => {});
    this.exited.catch(() => {});
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** The other end is closed, and this one had neither hung up nor found fault with what it was sent. */
  get isLeft(): boolean {
    return this.#closed && !this.#hungUp;
  }

  /** Resolves with the answer's value. Rejects with a {@link ToolFailure}, or when the monitor is gone. */
  send(verb: string, ...args: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(this.#lost(verb));
        return;
      }
      const id = String(this.#nextId++);
      const frame = encodeFrame([verb, id, ...args]);
      this.#pending.set(id, { verb, resolve, reject });
      this.socket.write(frame);
    });
  }

  /** Several in one write. Resolves when all have succeeded; never unhandled. */
  sendAll(requests: readonly (readonly string[])[]): Promise<unknown> {
    this.socket.cork();
    const all = Promise.all(requests.map(([verb = '', ...args]) => this.send(verb, ...args)));
    this.socket.uncork();
    all.catch(() => {});
    return all;
  }

  async stop(signal: number, graceMs: number): Promise<void> {
    const grace = Number.isFinite(graceMs) ? Math.min(Math.max(0, Math.ceil(graceMs)), maxGraceMs) : -1;
    await this.send('stop', String(signal), String(grace));
  }

  /** As {@link send}; what comes after the answer is no frame any more and goes to `takeBytes`. */
  sendLast(takeBytes: (bytes: Buffer) => void, verb: string, ...args: readonly string[]): Promise<string> {
    const answer = this.send(verb, ...args);
    const pending = this.#pending.get(String(this.#nextId - 1));
    if (pending !== undefined) {
      const resolve = (value: string) => {
        this.#takeBytes = takeBytes;
        pending.resolve(value);
      };
      this.#pending.set(String(this.#nextId - 1), { ...pending, resolve });
    }
    return answer;
  }

  /** The end of the container was told in another way. */
  tellExited(strings: readonly string[]): void {
    this.#hasExited = true;
    this.#exited.resolve(exitStatus(strings));
  }

  fail(error: unknown): void {
    this.#failure ??= error;
    this.end();
  }

  unref(): void {
    this.socket.unref();
  }

  /** An answer is waited for again. */
  ref(): void {
    this.socket.ref();
  }

  end(): void {
    this.#hungUp = true;
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      let bytes: Buffer | undefined = chunk;
      while (this.#takeBytes === undefined) {
        const frame = this.#reader.next(bytes);
        if (frame === undefined) return;
        this.#dispatch(frame);
        bytes = undefined;
      }
      this.#takeBytes(bytes ?? this.#reader.rest());
    } catch (error) {
      this.fail(error);
    }
  }

  #dispatch([verb = '', id = '', ...rest]: readonly string[]): void {
    const pending = this.#pending.get(id);
    if (verb === 'hello') {
      if (rest[0] === protocolVersion) this.#hello.resolve();
      else this.#hello.reject(wrongVersion(rest[0] ?? ''));
    } else if (verb === 'exited') {
      this.tellExited(rest);
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
    for (const { verb, reject } of this.#pending.values()) reject(this.#lost(verb));
    this.#pending.clear();
    this.#hello.reject(this.#lost('hello'));
    this.#exited.reject(this.#lost('wait'));
  }

  #lost(during: string): SlipwayError {
    const isRefused = this.#failure instanceof ToolFailure && this.#failure.reason === 'state';
    return isRefused ? monitorBusy(this.#failure) : monitorLost(during, this.#failure);
  }
}

/** Thirty days: more than any grace means. */
const maxGraceMs = 2_592_000_000;

function monitorBusy(cause: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'unavailable',
    code: 'MONITOR_BUSY',
    message: 'container monitor: too many are connected to it',
    hint: 'try again when fewer are attached to the container',
    cause,
  });
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

function wrongVersion(version: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'MONITOR_VERSION',
    message: `container monitor speaks version ${JSON.stringify(version)} of the protocol, expected "${protocolVersion}"`,
    hint: 'build the monitor and this package from the same release; a container of another release can only be deleted',
  });
}

function exitStatus([code = '', signal = '', exitedAt = '', , oom = '']: readonly string[]): ExitStatus {
  const signalNumber = Number(signal);
  return {
    exitCode: Number(code),
    ...(signalNumber === 0 ? {} : { signal: signalNumber }),
    exitedAt,
    ...(oom === '' ? {} : { oomKilled: true }),
  };
}
