import type { Readable, Writable } from 'node:stream';
import type { ExitStatus, TerminalSize } from '@slipway/plugin-api';

/** A monitor that any process started, by the socket in its folder. Disposing hangs up, which changes nothing for the container. */
export interface MonitorConnection extends Disposable {
  /** Resolves when the container has ended for good, after its output has been passed on. Rejects with `MONITOR_LOST`; never unhandled. */
  readonly exited: Promise<ExitStatus>;
  start(): Promise<void>;
  signal(number: number): Promise<void>;
  /** The signal, SIGKILL after the grace (0: at once; Infinity: never); no restart. Resolves as soon as it is asked for. */
  stop(signal: number, graceMs: number): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  /** Once for each connection. The streams are framed over this connection: no more requests but `resize` can be made over it. */
  attach(wanted: AttachWish): Promise<AttachedStreams>;
}

export interface AttachWish {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface AttachedStreams {
  readonly terminal: boolean;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
}

/** Errors: `failed-precondition` with MONITOR_LOST when it does not live. */
export function connectMonitor(_folder: string, _pid: number): Promise<MonitorConnection> {
  return Promise.reject(new Error('UNFINISHED'));
}
