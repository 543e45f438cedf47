import { readFileSync } from 'node:fs';
import type { ProcessIdentity } from '@slipway/plugin-api';

/** Undefined when there is no such process, or it is dead and waits to be reaped. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const [state, ...fields] = statOf(pid) ?? [];
  const startTicks = fields[18];
  return state === 'Z' || state === 'X' || startTicks === undefined ? undefined : { pid, startTicks };
}

/** Of the kernel's PF_EXITING. */
const exiting = 0x4;

/** Whether it ends, or has ended. The first process of a pid namespace takes its time with that: it waits for all others, and is in no state of its own meanwhile. */
export function isEnding(pid: number): boolean {
  const flags = statOf(pid)?.[6];
  return flags === undefined || (Number(flags) & exiting) !== 0;
}

/** Fields of proc_pid_stat(5) from the third on, the state. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name in parentheses that may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** Whether the very process lives. What is written in a state folder is of this boot. */
export function lives(process: ProcessIdentity | undefined): process is ProcessIdentity {
  return process !== undefined && identityOf(process.pid)?.startTicks === process.startTicks;
}
