import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import { linux } from '@slipway/linux';
import type { ExitStatus } from '@slipway/plugin-api';
import type { Output } from '../output.js';
import type { ContainerSignals, Signalable } from './container-signals.js';
import { forwardKeys } from './input.js';
import type { Resizable } from './terminal.js';

/** What a command with our terminal, stdin and signals is about: a container that was started here or attached to, a process in one. */
export interface Subject extends Signalable, Resizable {
  /** To which what is typed goes; undefined when it does not come from a terminal in raw mode, or nothing does. */
  readonly stdin: Writable | undefined;
  wait(): Promise<ExitStatus>;
  /** Leaves it to itself; undefined when it ends with this command. */
  readonly leave?: (() => Promise<void>) | undefined;
}

export interface SessionOptions {
  readonly detachKeys: readonly number[];
  /** Signals that we get are its own. */
  readonly sigProxy: boolean;
  readonly output: Output;
  /** It writes to our stdout itself: when nobody reads that any more, it ends, as a program in a pipeline does. */
  readonly isInPipeline: boolean;
}

/** As a shell reports a process that SIGPIPE ended. */
const sigpipe = 128 + constants.signals.SIGPIPE;
const lookAtOutputMs = 250;

/** What a program gets to end after its terminal has gone; the same as a service manager's usual patience. */
const hangUpGraceMs = 10_000;

/**
 * Until it has ended, or was left: by the keys, by a signal that is not for it, or as our terminal hung up. Then it goes on; one that cannot be left gets SIGHUP when the
 * terminal hangs up, which nobody could reach it by, and after a while SIGKILL. Gives the exit code: its own, 0 when it was left by the keys, 128 and the number of the signal.
 */
export async function session(subject: Subject, signals: ContainerSignals, options: SessionOptions): Promise<number> {
  const left = Promise.withResolvers<number>();
  using attachment = new DisposableStack();
  const { leave } = subject;
  let isLeaving = false;
  const go = (code: number): void => {
    // Once: a hang-up is told by a signal and by the end of the input, and the first to leave must have left before this command ends.
    if (isLeaving) return;
    isLeaving = true;
    // Of what ends just now there is nothing to leave: its exit code is the answer.
    leave?.().then(
      () => left.resolve(code),
      () => undefined,
    );
  };
  const kill = (signal: string): void => void subject.kill(signal).catch(() => {});
  const hangUp = (): void => {
    if (leave !== undefined) {
      go(128 + constants.signals.SIGHUP);
      return;
    }
    subject.stdin?.end();
    kill('SIGHUP');
    const killing = setTimeout(() => kill('SIGKILL'), hangUpGraceMs);
    attachment.defer(() => clearTimeout(killing));
  };
  signals.forwardTo(subject, (name) => {
    if (name === 'SIGHUP' && subject.stdin !== undefined && linux.isHungUp(0)) {
      hangUp();
      return false;
    }
    if (options.sigProxy || leave === undefined) return true;
    go(128 + constants.signals[name]);
    return false;
  });
  if (subject.stdin !== undefined) {
    const detachKeys = leave === undefined ? undefined : options.detachKeys;
    attachment.use(forwardKeys(subject.stdin, { detachKeys, onDetach: () => go(0), onHangUp: hangUp }));
  }
  let isUnread = false;
  if (options.isInPipeline && isPipe(1)) {
    const looking = setInterval(() => {
      if (isUnread || !linux.isHungUp(1)) return;
      isUnread = true;
      kill('SIGKILL');
    }, lookAtOutputMs);
    attachment.defer(() => clearInterval(looking));
  }
  const ended = subject.wait().then(({ exitCode }) => (isUnread ? sigpipe : exitCode));
  // Where it was left, nobody waits for what becomes of it.
  ended.catch(() => {});
  return await Promise.race([ended, left.promise]);
}

function isPipe(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isFIFO() || stats.isSocket();
  } catch {
    return false;
  }
}
