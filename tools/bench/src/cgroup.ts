import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PAGE = 4096;

/** A version 2 control group, which counts the CPU time of everything ever started in it, daemons and the dead included. */
export class Cgroup implements AsyncDisposable {
  readonly #folder: string;

  constructor(name: string) {
    this.#folder = path.join(ownFolder(), name);
    mkdirSync(this.#folder);
  }

  /** User and system time so far, in milliseconds. */
  cpuMs(): number {
    const found = /^usage_usec (\d+)$/m.exec(readFileSync(path.join(this.#folder, 'cpu.stat'), 'utf8'))?.[1];
    if (found === undefined) throw new Error(`${this.#folder}/cpu.stat has no usage_usec`);
    return Number(found) / 1000;
  }

  /** Resident bytes of all processes in it now; pages that two of them share count twice. */
  residentBytes(): number {
    let pages = 0;
    for (const pid of this.pids()) pages += residentPages(pid);
    return pages * PAGE;
  }

  pids(): number[] {
    return readFileSync(path.join(this.#folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  }

  /** A command line that enters the group and then becomes `argv`. */
  enter(argv: readonly string[]): string[] {
    return ['/bin/sh', '-c', 'echo $$ >"$0" && exec "$@"', path.join(this.#folder, 'cgroup.procs'), ...argv];
  }

  /** Ends what is still running in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (let pids = this.pids(); pids.length > 0; pids = this.pids()) {
      for (const pid of pids) killIfThere(pid);
      await sleep(10);
    }
    rmdirSync(this.#folder);
  }
}

function ownFolder(): string {
  const mount = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
  if (mount === undefined || own === undefined)
    throw new Error('the benchmark counts with cgroup version 2, which is not mounted here');
  return path.join(mount, own);
}

/** A process may be gone by the time it is looked at. */
function residentPages(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
  } catch {
    return 0;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
