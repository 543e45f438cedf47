import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { type ExitStatus, type RestartPolicy, SlipwayError, type TerminalSize } from '@slipway/plugin-api';
import { type AttachWish, FramedStreams } from './attached-streams.js';
import { Requests } from './requests.js';

/** A monitor that any process started, by the socket in its folder. Disposing hangs up, which changes nothing for the container. */
export interface MonitorConnection extends Disposable {
  /** Resolves when the container has ended for good, after its output has been passed on. Rejects with `MONITOR_LOST`; never unhandled. */
  readonly exited: Promise<ExitStatus>;
  start(): Promise<void>;
  signal(number: number): Promise<void>;
  /** The signal, SIGKILL after the grace (0: at once; Infinity: never); no restart. Resolves as soon as it is asked for. */
  stop(signal: number, graceMs: number): Promise<void>;
  /** From now on; a restart that is waited for comes. */
  setRestartPolicy(policy: RestartPolicy): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  /** Kills what runs and runs the deletion; then the monitor ends. */
  delete(): Promise<void>;
  /** Once for each connection. The streams are framed over this connection: no more requests but `resize` can be made over it. */
  attach(wanted: AttachWish): Promise<AttachedStreams>;
}

/** Of an output the end is the container's; an `error` when the monitor was lost. No stream needs an `error` listener. */
export interface AttachedStreams {
  readonly terminal: boolean;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
}

/**
 * Errors: `failed-precondition` with MONITOR_LOST when it does not live; MONITOR_VERSION when it is of another release; `unavailable` with MONITOR_BUSY when it has no place for
 * one more, by which `exited` is rejected too where this one has to make room.
 */
export async function connectMonitor(folder: string, pid: number): Promise<MonitorConnection> {
  if (!isMonitorOf(folder, pid)) throw notThere(folder, pid);
  // A path in the folder may be longer than an address can hold.
  const requests = new Requests(connect({ path: `/proc/${pid}/cwd/monitor.sock` }));
  try {
    await requests.hello;
    await requests.send('wait');
  } catch (error) {
    requests.end();
    throw error instanceof SlipwayError && ['MONITOR_VERSION', 'MONITOR_BUSY'].includes(error.code)
      ? error
      : notThere(folder, pid, error);
  }
  return connectionOf(requests);
}

function connectionOf(requests: Requests): MonitorConnection {
  let streams: FramedStreams | undefined;
  return {
    exited: requests.exited,
    start: async () => void (await requests.send('start')),
    signal: async (number) => void (await requests.send('signal', String(number))),
    stop: (signal, graceMs) => requests.stop(signal, graceMs),
    setRestartPolicy: async ({ name, maximumRetries = 0 }) =>
      void (await requests.send('restart-policy', name, String(maximumRetries))),
    resize: async (size) => {
      if (streams === undefined) await requests.send('resize', String(size.columns), String(size.rows));
      else streams.resize(size);
    },
    delete: async () => void (await requests.send('delete')),
    attach: async (wanted) => {
      const attached = new FramedStreams(requests.socket, wanted, (strings) => requests.tellExited(strings));
      const wants = [wanted.stdin, wanted.stdout, wanted.stderr].map((wish) => (wish ? '1' : '0'));
      const kind = await requests.sendLast((bytes) => attached.push(bytes), 'attach', ...wants);
      streams = attached;
      return { terminal: kind === 'terminal', stdin: attached.stdin, stdout: attached.stdout, stderr: attached.stderr };
    },
    [Symbol.dispose]: () => requests.end(),
  };
}

/** A process number is used again: only one that works in this very folder is asked. */
function isMonitorOf(folder: string, pid: number): boolean {
  try {
    const [expected, found] = [statSync(folder), statSync(`/proc/${pid}/cwd`)];
    const isMonitor = readFileSync(`/proc/${pid}/comm`, 'utf8') === 'slipway-monitor\n';
    return isMonitor && expected.ino === found.ino && expected.dev === found.dev;
  } catch {
    return false;
  }
}

function notThere(folder: string, pid: number, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'MONITOR_LOST',
    message: `container monitor ${pid} of ${JSON.stringify(folder)}: found no process that answers`,
    hint: 'it was killed, or has ended together with its container',
    details: { folder, pid },
    cause,
  });
}
