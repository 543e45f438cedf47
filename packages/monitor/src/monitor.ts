import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import {
  type ExitStatus,
  SlipwayError,
  type StdioTarget,
  type Supervision,
  type TerminalSize,
  wrapError,
} from '@slipway/plugin-api';
import { findMonitor } from './binary.js';
import { monitorLost, Requests } from './requests.js';

const protocolVersion = '1';
const firstExtraFd = 4;

export interface MonitorOptions {
  /** Path of the program; found by {@link findMonitor} when absent. */
  readonly binary?: string | undefined;
  /** An existing folder of this container alone: the monitor writes its exit record `exit` there, and opens its console socket. */
  readonly folder: string;
  /** Everything ends when this process does, or releases the monitor. Otherwise that holds only until `start` was asked for. */
  readonly dieWithParent: boolean;
  readonly stdin: StdioTarget;
  readonly stdout: StdioTarget;
  readonly stderr: StdioTarget;
  /** Detached mount trees and where to attach them, in order. The caller closes its descriptors afterwards. */
  readonly mounts: readonly MonitorMount[];
  /** Where the status is recorded (else in `folder`), the log kept; restarts, probes. */
  readonly supervision?: Supervision | undefined;
  /** The process that `create` makes is a user's program already, as of `runc exec`: what is printed meanwhile is the program's. There is no `start`. */
  readonly exec?: boolean | undefined;
  /** Directories whose mounts are not to be seen by the commands: crun refuses the hybrid layout of cgroups while /sys/fs/cgroup/unified is there. */
  readonly unmount?: readonly string[] | undefined;
  /** Descriptors that stay open as long as the monitor lives. */
  readonly keepOpen: readonly number[];
  /** Command (absolute path first) that removes the container by force; it must succeed when there is none. */
  readonly deletion: ToolRun;
}

export interface MonitorMount {
  readonly fd: number;
  readonly directory: string;
}

export interface ToolRun {
  /** argv; the first is an absolute path. */
  readonly args: readonly string[];
  /** After so many milliseconds it is killed. */
  readonly limitMs: number;
}

export interface Creation extends ToolRun {
  /** Where the command writes the number of the container's first process. */
  readonly pidFile: string;
  /** The command must then send a terminal to {@link Monitor.consoleSocket}. */
  readonly terminal?: TerminalSize | undefined;
}

/** A running monitor of one container. Failed requests reject with a {@link ToolFailure}, or `MONITOR_LOST`. */
export interface Monitor {
  readonly pid: number;
  /** Set where the options said `pipe`. A write to a stdin that nobody reads fails as the stream's `error`, which needs no listener. */
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Path for the command that creates; short, whatever the folder is. */
  readonly consoleSocket: string;
  /** Rejects with `MONITOR_LOST` when the monitor ends before the container; never unhandled. After the output has been passed on. */
  readonly exited: Promise<ExitStatus>;
  /** When the monitor's process is gone. */
  readonly ended: Promise<void>;
  /** Runs the command that creates the container. Resolves with its first process. Once only. */
  create(creation: Creation): Promise<number>;
  start(run: ToolRun): Promise<void>;
  signal(number: number): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  /** Kills what runs and runs the deletion; then the monitor ends. */
  delete(): Promise<void>;
  /** This process no longer waits for it. The streams are destroyed; output that nobody reads is dropped. */
  release(): void;
}

/** Starts a monitor in a session and mount namespace of its own, and attaches the mounts there. */
export async function startMonitor(options: MonitorOptions): Promise<Monitor> {
  const binary = findMonitor(options.binary);
  const inherited = [...options.mounts.map((mount) => mount.fd), ...options.keepOpen];
  const child = spawnMonitor(binary, options, inherited);
  if (child.pid === undefined) throw await spawnError(child, binary);
  const requests = new Requests(child.stdio[3] as Socket);
  const monitor = connect(child, child.pid, requests, options);
  try {
    await greeting(requests, monitor);
    await Promise.all([
      requests.send(
        'setup',
        options.folder,
        options.dieWithParent ? '1' : '0',
        String(options.deletion.limitMs),
        ...options.deletion.args,
      ),
      ...options.mounts.map((mount, index) => requests.send('mount', String(firstExtraFd + index), mount.directory)),
    ]);
  } catch (error) {
    requests.end();
    await monitor.ended;
    throw wrapError(`starting the container monitor ${JSON.stringify(binary)}`, error);
  }
  return monitor;
}

function spawnMonitor(binary: string, options: MonitorOptions, inherited: readonly number[]): ChildProcess {
  const stdio: StdioOptions = [
    stdioOption(options.stdin),
    stdioOption(options.stdout),
    stdioOption(options.stderr),
    'pipe',
    ...inherited,
  ];
  // Nothing else of the environment reaches the tools: NOTIFY_SOCKET or LISTEN_FDS, say, would change what they do.
  const env = { PATH: process.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
  return spawn(binary, [String(firstExtraFd - 1 + inherited.length)], { cwd: '/', detached: true, env, stdio });
}

function stdioOption(target: StdioTarget): 'pipe' | 'ignore' | number {
  return target === 'null' || target === 'attached' ? 'ignore' : target;
}

function spawnError(child: ChildProcess, binary: string): Promise<unknown> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(wrapError(`starting the container monitor ${JSON.stringify(binary)}`, error)));
  });
}

function greeting(requests: Requests, monitor: Monitor): Promise<void> {
  return new Promise((resolve, reject) => {
    requests.onHello = (version) => {
      if (version === protocolVersion) resolve();
      else
        reject(
          new SlipwayError({
            kind: 'failed-precondition',
            code: 'MONITOR_VERSION',
            message: `container monitor speaks version ${JSON.stringify(version)} of the protocol, expected "${protocolVersion}"`,
            hint: 'build the monitor and this package from the same release',
          }),
        );
    };
    monitor.exited.catch(reject);
  });
}

function connect(child: ChildProcess, pid: number, requests: Requests, options: MonitorOptions): Monitor {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const exited = new Promise<ExitStatus>((resolve, reject) => {
    requests.onExited = resolve;
    requests.onClosed = (failure) => reject(monitorLost('wait', failure));
  });
  exited.catch(() => {});
  const [stdin, stdout, stderr] = [child.stdin ?? undefined, child.stdout ?? undefined, child.stderr ?? undefined];
  stdin?.on('error', () => {});
  return {
    pid,
    stdin,
    stdout,
    stderr,
    consoleSocket: `/proc/${pid}/cwd/console.sock`,
    exited,
    ended,
    create: async ({ args, limitMs, pidFile, terminal }) => {
      const size = terminal === undefined ? ['0', '0'] : [String(terminal.columns), String(terminal.rows)];
      return Number(await requests.send('create', String(limitMs), pidFile, ...size, ...args));
    },
    start: async ({ args, limitMs }) => void (await requests.send('start', String(limitMs), ...args)),
    signal: async (number) => void (await requests.send('signal', String(number))),
    resize: async ({ columns, rows }) => void (await requests.send('resize', String(columns), String(rows))),
    delete: async () => {
      // After a release nothing else may keep this process alive until it is done.
      requests.ref();
      child.ref();
      await requests.send('delete');
    },
    release: () => {
      for (const stream of [stdin, stdout, stderr]) stream?.destroy();
      child.unref();
      // With dieWithParent the channel is what tells the monitor that this process lives.
      if (options.dieWithParent) requests.unref();
      else requests.end();
    },
  };
}
