import { readdirSync } from 'node:fs';
import path from 'node:path';
import { hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';
import { type Cgroup, directoryOf, isUnified } from './cgroup.js';
import { readKernelFile } from './kernel-file.js';

/** A container with a cgroup namespace may make cgroups of its own, as many as it likes. */
const maxCgroups = 10_000;
/** The kernel has at most 4,194,304 processes, of 7 digits. */
const maxProcsBytes = 32 << 20;

/** Numbers of the processes in the cgroup and in all below it, ascending. Empty when it is gone. Errors: `resource-exhausted`. */
export function readPids(cgroup: Cgroup): readonly number[] {
  const controllers = isUnified(cgroup) ? [''] : ['pids', 'freezer', 'devices', ...Object.keys(cgroup.directories)];
  const top = controllers.map((name) => directoryOf(cgroup, name)).find((directory) => directory !== undefined);
  const found = new Set<number>();
  const waiting = top === undefined ? [] : [top];
  for (let count = 0; waiting.length > 0; count++) {
    if (count === maxCgroups) throw tooMany(top ?? '');
    const directory = waiting.pop() ?? '';
    // Of a threaded cgroup the file cannot be read (EOPNOTSUPP): its processes are those of the one above.
    for (const line of (readKernelFile(path.join(directory, 'cgroup.procs'), maxProcsBytes) ?? '').split('\n')) {
      const pid = Number(line);
      // 0 is a process of another process namespace.
      if (line !== '' && Number.isSafeInteger(pid) && pid > 0) found.add(pid);
    }
    for (const name of folders(directory)) waiting.push(path.join(directory, name));
  }
  return [...found].sort((a, b) => a - b);
}

function folders(directory: string): readonly string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    // Removed meanwhile.
    if (hasCode(error, 'ENOENT', 'ENODEV')) return [];
    throw wrapError(`Reading the control groups in ${JSON.stringify(directory)}`, error);
  }
}

function tooMany(directory: string): SlipwayError {
  return new SlipwayError({
    kind: 'resource-exhausted',
    code: 'TOO_MANY_CGROUPS',
    message: `Reading the processes of control group ${JSON.stringify(directory)}: below it are more than ${maxCgroups} others`,
  });
}
