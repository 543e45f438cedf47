import { readFileSync } from 'node:fs';
import type { ProcessIdentity } from '@slipway/plugin-api';

/** proc_pid_stat(5). Undefined when there is no such process, or it is dead and waits to be reaped. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is a name in parentheses that may hold anything.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTicks = fields[18];
  return state === 'Z' || state === 'X' || startTicks === undefined ? undefined : { pid, startTicks };
}

/** Whether the very process lives. What is written in a state folder is of this boot. */
export function lives(process: ProcessIdentity | undefined): process is ProcessIdentity {
  return process !== undefined && identityOf(process.pid)?.startTicks === process.startTicks;
}
