import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { namesBelow } from './names-below.js';

/** What a process holds that outlives a function call, as proc(5) tells it; sorted lists of words that can be compared. */
export interface ProcessHoldings {
  /** Targets of the open descriptors. */
  readonly descriptors: readonly string[];
  /** Mounts that speak of the folder. */
  readonly mounts: readonly string[];
  /** Names of everything below the folder. */
  readonly files: readonly string[];
  /** Child processes, by pid and name. */
  readonly children: readonly string[];
  /** Names of the threads. */
  readonly threads: readonly string[];
}

/** What this process holds now; mounts and files only as far as `folder` is concerned: others use the machine, too. */
export function holdingsOfThisProcess(folder: string): ProcessHoldings {
  return {
    descriptors: openDescriptors()
      .map(({ target }) => target)
      .sort(),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(folder))
      .sort(),
    files: namesBelow(folder),
    children: tasks()
      .flatMap((task) => (read(`/proc/self/task/${task}/children`) ?? '').split(' ').filter((pid) => pid !== ''))
      .map((pid) => `${pid} ${read(`/proc/${pid}/comm`)?.trim()}`)
      .sort(),
    threads: tasks()
      .flatMap((task) => read(`/proc/self/task/${task}/comm`)?.trim() ?? [])
      .sort(),
  };
}

export interface OpenDescriptor {
  readonly fd: number;
  readonly target: string;
  readonly isCloseOnExec: boolean;
}

/** `O_CLOEXEC` as proc(5) shows it: octal, of every architecture that Linux and Node share. */
const closeOnExec = 0o2000000;

/** The open descriptors of this process. */
export function openDescriptors(): readonly OpenDescriptor[] {
  return readdirSync('/proc/self/fd').flatMap((name) => {
    const target = link(join('/proc/self/fd', name));
    const flags = /^flags:\s+([0-7]+)$/m.exec(read(`/proc/self/fdinfo/${name}`) ?? '')?.[1];
    // The one with which the folder was read is gone by now.
    if (target === undefined || flags === undefined) return [];
    return [{ fd: Number(name), target, isCloseOnExec: (Number.parseInt(flags, 8) & closeOnExec) !== 0 }];
  });
}

const tasks = (): string[] => readdirSync('/proc/self/task');

/** Undefined when it has gone meanwhile. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function link(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}
