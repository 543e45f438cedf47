import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { RuntimeBench } from './bench.js';

const hierarchies = '/sys/fs/cgroup';

/** What containers of a bench have left on the machine. */
export interface Leftovers {
  /** Command line, folder and cgroup of each process but this one: containers and tools are known by the names in them. */
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
  /** Cgroups of containers; not the one around them, which a runtime may keep. */
  readonly cgroups: readonly string[];
}

export const nothing: Leftovers = { processes: [], mounts: [], cgroups: [] };

export function leftoversOf({ root, prefix }: RuntimeBench, own: readonly number[] = []): Leftovers {
  return {
    processes: processes(own).filter((line) => line.includes(root) || line.includes(prefix)),
    mounts: read('/proc/self/mountinfo')
      .split('\n')
      .filter((line) => line.includes(root)),
    cgroups: cgroupFolders(prefix).flatMap((folder) => list(folder).filter((name) => name.startsWith(`${prefix}-`))),
  };
}

/** After a law on a broken runtime: nothing of it may disturb the next. */
export async function clear({ prefix }: RuntimeBench): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const folders = cgroupFolders(prefix).filter((folder) => existsSync(folder));
    if (folders.length === 0) return;
    for (const folder of folders) removeCgroup(folder);
    await setTimeout(10);
  }
}

/** Of every hierarchy, or of the unified one alone. */
function cgroupFolders(name: string): string[] {
  return ['', ...list(hierarchies)].map((hierarchy) => join(hierarchies, hierarchy, name));
}

function removeCgroup(folder: string): void {
  for (const name of list(folder)) if (name.startsWith('laws')) removeCgroup(join(folder, name));
  for (const [file, word] of [
    ['freezer.state', 'THAWED'],
    ['cgroup.freeze', '0'],
  ] as const)
    attempt(() => writeFileSync(join(folder, file), word, { flag: 'r+' }));
  for (const pid of read(join(folder, 'cgroup.procs')).split('\n'))
    if (Number(pid) > 1) attempt(() => process.kill(Number(pid), 'SIGKILL'));
  attempt(() => rmdirSync(folder));
}

function processes(own: readonly number[]): string[] {
  return (
    list('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && !own.includes(Number(name)))
      // What is dead is reaped by whoever is its parent by now.
      .filter((pid) => !/^State:\s+Z/m.test(read(`/proc/${pid}/status`)))
      .map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`)} ${link(`/proc/${pid}/cwd`)} ${read(`/proc/${pid}/cgroup`)}`)
  );
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // It is tried again, or gone.
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
