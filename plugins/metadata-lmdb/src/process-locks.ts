import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { SlipwayError } from '@slipway/plugin-api';

/**
 * Processes on one store are kept apart where lmdb does not do it, by two flocks: the metadata folder is the gate, and the data
 * file is what writers hold. Who opens the store takes both exclusively; who writes passes the gate, and waits there while another
 * process opens. A gate, because whoever opens would otherwise have to wait for a moment at which by chance nobody writes.
 *
 * Opening must exclude commits: `mdb_env_open2` sets the number of the newest transaction, which all processes share, to what the
 * file said a moment before. What another process has committed since then would be overwritten by the next commit.
 *
 * flock: it goes with the process, and can be tried without waiting on the event loop.
 */
const pauseMs = 1;

/** Waits at most `patienceMs` for whoever has a flock on the file, which is of the store at `path`. */
export async function lockExclusively(fd: number, path: string, patienceMs: number): Promise<void> {
  if (linux.tryFlock(fd, 'exclusive')) return;
  // Looked at late, as the clock is a module that takes milliseconds to load.
  const end = performance.now() + patienceMs;
  do {
    if (performance.now() > end) throw locked(path, patienceMs);
    await sleep(pauseMs);
  } while (!linux.tryFlock(fd, 'exclusive'));
}

/** The writers of one environment. */
export class Writers {
  private count: number = 0;
  private last: Promise<unknown> = Promise.resolve();

  /** `gateFd` and `dataFd` are open file descriptions of this environment's own. */
  constructor(
    private readonly gateFd: number,
    private readonly dataFd: number,
  ) {}

  /** Fulfils when no process opens the store, in the order of the calls and never at once. Then it is {@link leave}'s turn. */
  enter(): Promise<void> {
    const entered = this.last.then(() => this.pass());
    this.last = entered.catch(() => undefined);
    return entered;
  }

  /** When what was written is committed, or not. */
  leave(): void {
    this.count--;
    if (this.count === 0) linux.unflock(this.dataFd);
  }

  private async pass(): Promise<void> {
    while (!this.tryPass()) await sleep(pauseMs);
  }

  private tryPass(): boolean {
    if (!linux.tryFlock(this.gateFd, 'shared')) return false;
    try {
      // Not free when who opened died, and only the gate has been let go so far.
      if (this.count === 0 && !linux.tryFlock(this.dataFd, 'shared')) return false;
      this.count++;
      return true;
    } finally {
      linux.unflock(this.gateFd);
    }
  }
}

function locked(path: string, patienceMs: number): SlipwayError {
  return new SlipwayError({
    kind: 'unavailable',
    code: 'METADATA_LOCKED',
    message: `open metadata "${path}": other processes have kept it locked for ${patienceMs / 1000} s`,
    hint: 'a process that was stopped while it used the store (state T in ps) holds up all others: continue or end it, and try again',
    details: { path },
  });
}
