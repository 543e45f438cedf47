import type { Readable, Writable } from 'node:stream';
import { type ExitStatus, type TerminalSize, wrapError } from '@slipway/plugin-api';
import { findMonitor } from './binary.js';
import type { Creation, MonitorOptions, ToolRun } from './monitor-options.js';
import { type MonitorProcess, spawnMonitor } from './monitor-process.js';
import { monitorLost, Requests } from './requests.js';
import { command, settingsRequests } from './settings.js';
import { readStatus } from './status.js';

const firstExtraFd = 4;

/** A running monitor of one container. Failed requests reject with a {@link ToolFailure}, or `MONITOR_LOST`. */
export interface Monitor {
  readonly pid: number;
  /** Set where the options said `pipe`. A write to a stdin that nobody reads fails as the stream's `error`, which needs no listener. */
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Path for the command that creates; short, whatever the folder is. */
  readonly consoleSocket: string;
  /**
   * When the container has ended for good: no restart comes, the output has been passed on, and without `dieWithParent` the deletion has run.
   * Rejects with `MONITOR_LOST` when the monitor ends before; never unhandled.
   */
  readonly exited: Promise<ExitStatus>;
  /** When the monitor's process is gone. */
  readonly ended: Promise<void>;
  /** Runs the command that creates the container. Resolves with its first process. Once only. */
  create(creation: Creation): Promise<number>;
  /** With the command given here, or in the options. */
  start(run?: ToolRun): Promise<void>;
  signal(number: number): Promise<void>;
  /** As {@link MonitorConnection.stop}. */
  stop(signal: number, graceMs: number): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  /**
   * The descriptors given for the streams are closed, and the streams here destroyed. Output goes to the log and to whoever attaches; the input
   * stays open for them. From here on the container outlives this process, also with `dieWithParent`.
   */
  detach(): Promise<void>;
  /** Kills what runs and runs the deletion; then the monitor ends. */
  delete(): Promise<void>;
  /** This process no longer waits for it. The streams are destroyed; their descriptors in the monitor are closed unless it dies with this process. */
  release(): void;
}

/** Starts a monitor in a session and mount namespace of its own, and attaches the mounts there. */
export async function startMonitor(options: MonitorOptions): Promise<Monitor> {
  const binary = findMonitor(options.binary);
  const settings = settingsRequests(options, firstExtraFd);
  try {
    const child = spawnMonitor(binary, options, [...options.mounts.map((mount) => mount.fd), ...options.keepOpen]);
    const requests = new Requests(child.control);
    const monitor = connect(child, requests, options);
    try {
      const settled = requests.sendAll(settings);
      await requests.hello;
      await settled;
    } catch (error) {
      requests.end();
      await monitor.ended;
      throw error;
    }
    return monitor;
  } catch (error) {
    throw wrapError(`starting the container monitor ${JSON.stringify(binary)}`, error);
  }
}

function connect(child: MonitorProcess, requests: Requests, options: MonitorOptions): Monitor {
  const { pid, stdin, stdout, stderr, ended } = child;
  stdin?.on('error', () => {});
  let isDetached = false;
  const destroyStreams = () => {
    for (const stream of [stdin, stdout, stderr]) stream?.destroy();
  };
  return {
    pid,
    stdin,
    stdout,
    stderr,
    consoleSocket: `/proc/${pid}/cwd/console.sock`,
    exited: orRecorded(requests, child, options.supervision?.directory ?? options.folder),
    ended,
    create: async ({ args, limitMs, pidFile, terminal }) => {
      const size = terminal === undefined ? ['0', '0'] : [String(terminal.columns), String(terminal.rows)];
      return Number(await requests.send('create', String(limitMs), pidFile, ...size, ...args));
    },
    start: async (run) => {
      const [verb = '', ...args] = run === undefined ? [] : command('start', run);
      await Promise.all([run === undefined ? undefined : requests.send(verb, ...args), requests.send('start')]);
    },
    signal: async (number) => void (await requests.send('signal', String(number))),
    stop: (signal, graceMs) => requests.stop(signal, graceMs),
    resize: async ({ columns, rows }) => void (await requests.send('resize', String(columns), String(rows))),
    detach: async () => {
      await requests.send('detach');
      isDetached = true;
      destroyStreams();
    },
    delete: async () => {
      // After a release nothing else may keep this process alive until it is done.
      requests.ref();
      child.ref();
      try {
        await requests.send('delete');
      } catch (error) {
        // It has done it by itself and ended meanwhile.
        if (!requests.hasExited || !isLost(error)) throw error;
      }
    },
    release: () => {
      destroyStreams();
      // With dieWithParent the channel is what tells the monitor that this process lives.
      if (options.dieWithParent && !isDetached) {
        child.unref();
        requests.unref();
      } else {
        child.leave();
        requests.end();
      }
    },
  };
}

function isLost(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === monitorLost('', undefined).code;
}

/** A request that is sent to a monitor at its very end breaks the connection, and what it had told is lost unread; its record says the same. */
function orRecorded(requests: Requests, { pid, ended }: MonitorProcess, directory: string): Promise<ExitStatus> {
  const told = requests.exited.catch(async (lost: unknown) => {
    // It closes what it has a moment before it is seen to be dead: whoever is told looks what is so.
    if (requests.isLeft) await ended;
    const status = readStatus(directory);
    if (status?.status === 'exited' && status.monitor.pid === pid && status.exit !== undefined) return status.exit;
    throw lost;
  });
  told.catch(() => {});
  return told;
}
