import { closeSync, openSync, readSync } from 'node:fs';
import { type ContainerProcess, hasCode, wrapError } from '@slipway/plugin-api';

/** USER_HZ: the same on every architecture that Node runs on. */
const ticksPerSecond = 100;
/** What a process' command line may take here; it may write megabytes there. */
const maxCommandBytes = 4096;
const maxFileBytes = 16 * 1024;

/** A process as /proc tells; undefined when it has ended. `level`: of process namespaces below ours, in which its number is wanted. */
export function readProcess(pid: number, level: number): ContainerProcess | undefined {
  const stat = readProc(`${pid}/stat`, maxFileBytes)?.toString('utf8');
  const status = readProc(`${pid}/status`, maxFileBytes)?.toString('utf8');
  const command = readProc(`${pid}/cmdline`, maxCommandBytes);
  const btime = /^btime (\d+)$/m.exec(readProc('stat', 1 << 20)?.toString('utf8') ?? '')?.[1];
  if (stat === undefined || status === undefined || command === undefined) return undefined;
  return parseProcess({ pid, level, stat, status, command, bootSeconds: Number(btime ?? 0) });
}

export interface ProcessFiles {
  readonly pid: number;
  readonly level: number;
  readonly stat: string;
  readonly status: string;
  readonly command: Buffer;
  readonly bootSeconds: number;
}

/** proc_pid_stat(5), proc_pid_status(5), proc_pid_cmdline(5). */
export function parseProcess({ pid, level, stat, status, command, bootSeconds }: ProcessFiles): ContainerProcess {
  // The name is in parentheses and may have any byte, more of them among it.
  const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3] ?? 0) || 0;
  const numbers = words(status, 'NSpid');
  return {
    pid,
    ppid: field(4),
    containerPid: Number(numbers[level] ?? numbers.at(-1) ?? pid),
    // Real, effective, saved, of files: ps(1) shows the effective one.
    uid: Number(words(status, 'Uid')[1] ?? 0),
    state: fields[0] ?? '?',
    startedAt: new Date((bootSeconds + field(22) / ticksPerSecond) * 1000).toISOString(),
    cpuMs: ((field(14) + field(15)) * 1000) / ticksPerSecond,
    rssBytes: Number(words(status, 'VmRSS')[0] ?? 0) * 1024,
    command: commandOf(command) ?? [`[${name}]`],
  };
}

function words(status: string, key: string): readonly string[] {
  const line = status.split('\n').find((text) => text.startsWith(`${key}:`));
  return (
    line
      ?.slice(key.length + 1)
      .trim()
      .split(/\s+/) ?? []
  );
}

/** Of one that has ended and that nobody has waited for there is none, and the name must do. */
function commandOf(bytes: Buffer): readonly string[] | undefined {
  const text = bytes.toString('utf8').replace(/\0+$/, '');
  return text === '' ? undefined : text.split('\0');
}

function readProc(name: string, maxBytes: number): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${name}`, 'r');
    const bytes = Buffer.alloc(maxBytes);
    let length = 0;
    for (let count = -1; count !== 0 && length < maxBytes; length += count)
      count = readSync(fd, bytes, length, maxBytes - length, null);
    return bytes.subarray(0, length);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined;
    throw wrapError(`Reading /proc/${name}`, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
