import { readFileSync } from 'node:fs';
import { linux } from '@slipway/linux';
import { readMonitor } from './container-record.js';
import { type LockedFolder, lockOf } from './folder-lock.js';

const SIGTERM = 15;
const SIGKILL = 9;
const SIGCONT = 18;

export interface Patience {
  /** For a monitor that may be about to end by itself. */
  readonly leaveMs: number;
  /** For one that was told to end. */
  readonly endMs: number;
  /** For one that was killed. */
  readonly killedMs: number;
}

/** Ends the monitor of a folder, if one lives, and takes its lock. Undefined when somebody else holds it still. */
export async function takeOver(
  folder: LockedFolder,
  monitorFile: string,
  patience: Patience,
): Promise<number | 'gone' | undefined> {
  let lock = await lockOf(folder, patience.leaveMs);
  for (const [signal, waitMs] of [
    [SIGTERM, patience.endMs],
    [SIGKILL, patience.killedMs],
  ] as const) {
    if (lock !== undefined) return lock;
    signalMonitor(monitorFile, signal);
    lock = await lockOf(folder, waitMs);
  }
  return lock;
}

/** The lock is held, so the process that the file names lives, unless it is not the monitor but its maker that holds it. */
function signalMonitor(file: string, signal: number): void {
  try {
    const pid = readMonitor(file)?.pid;
    if (pid === undefined || readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'slipway-monitor\n') return;
    linux.kill(pid, signal);
    // One that somebody has stopped hears of it only then.
    linux.kill(pid, SIGCONT);
  } catch {
    // It has ended, or has not been started: the lock will tell.
  }
}
