import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { linux } from '@slipway/linux';
import type { StdioTarget } from '@slipway/plugin-api';

/** A child of this process. Not one of node:child_process, whose fork(2) stops this process the longer the bigger it is. */
export interface MonitorProcess {
  readonly pid: number;
  readonly control: Socket;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** It is gone, and reaped. */
  readonly ended: Promise<void>;
  /** Whether it keeps this process from ending by itself. */
  ref(): void;
  unref(): void;
  /** This process holds nothing for it any more, and reaps it when it ends. */
  leave(): void;
}

export interface MonitorStreams {
  readonly stdin: StdioTarget;
  readonly stdout: StdioTarget;
  readonly stderr: StdioTarget;
}

/** `inherited` come after the streams and the control channel, from number 4 on, and one more after them. */
export function spawnMonitor(binary: string, streams: MonitorStreams, inherited: readonly number[]): MonitorProcess {
  using theirs = new Descriptors();
  using ours = new Descriptors();
  const pair = (): { readonly own: number; readonly given: number } => {
    const [own, given] = linux.socketPair();
    return { own: ours.add(own), given: theirs.add(given) };
  };
  const stream = (target: StdioTarget): { readonly own?: number; readonly given: number } => {
    if (target === 'pipe') return pair();
    return { given: typeof target === 'number' ? target : theirs.add(openSync('/dev/null', constants.O_RDWR)) };
  };
  const [stdin, stdout, stderr] = [stream(streams.stdin), stream(streams.stdout), stream(streams.stderr)];
  const control = pair();
  // Nobody writes to it. It hangs up when the monitor is gone: its own children do not have it.
  const life = pair();
  const descriptors = [...[stdin, stdout, stderr, control].map(({ given }) => given), ...inherited, life.given];
  const pid = linux.spawn(binary, {
    argv: [binary, String(descriptors.length - 1)],
    // Nothing else of the environment reaches the tools: NOTIFY_SOCKET or LISTEN_FDS, say, would change what they do.
    environment: [`PATH=${process.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'}`],
    directory: '/',
    descriptors,
  });
  ours.release();
  return monitorProcess(pid, control.own, life.own, [stdin.own, stdout.own, stderr.own]);
}

function monitorProcess(
  pid: number,
  control: number,
  life: number,
  [input, ...outputs]: readonly (number | undefined)[],
): MonitorProcess {
  const stdin = input === undefined ? undefined : new Socket({ fd: input, readable: false, writable: true });
  const [stdout, stderr] = outputs.map((fd) => (fd === undefined ? undefined : new Socket({ fd, readable: true })));
  const living = new Socket({ fd: life, readable: true });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const watch = (): void => void gone(pid).then(resolve);
  living.on('error', () => {}).once('close', watch);
  living.resume();
  void ended.then(() => {
    stdin?.destroy();
    // What nobody reads ends, too.
    stdout?.resume();
    stderr?.resume();
  });
  return {
    pid,
    control: new Socket({ fd: control, readable: true, writable: true }),
    stdin,
    stdout,
    stderr,
    ended,
    ref: () => living.ref(),
    unref: () => living.unref(),
    leave: () => {
      living.unref();
      // A thread is told of no signals.
      if (!isMainThread) return;
      living.off('close', watch).destroy();
      reapWhenEnded(pid, resolve);
    },
  };
}

/** It has closed what it had, and ends within a moment. */
async function gone(pid: number): Promise<void> {
  while (!linux.reap(pid)) await sleep(1);
}

const left = new Map<number, () => void>();

function reapWhenEnded(pid: number, onEnd: () => void): void {
  if (left.size === 0) process.on('SIGCHLD', reapLeft);
  left.set(pid, onEnd);
  reapLeft();
}

/** One signal may stand for several ends, and for that of any child of this process. */
function reapLeft(): void {
  for (const [pid, onEnd] of left) {
    if (!linux.reap(pid)) continue;
    left.delete(pid);
    onEnd();
  }
  if (left.size === 0) process.off('SIGCHLD', reapLeft);
}

class Descriptors implements Disposable {
  #all: number[] = [];

  add(fd: number): number {
    this.#all.push(fd);
    return fd;
  }

  /** They are somebody else's. */
  release(): void {
    this.#all = [];
  }

  [Symbol.dispose](): void {
    for (const fd of this.#all) closeSync(fd);
  }
}
