import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Processes of the host that stand for those that were executed in the container: the shim keeps a list, a line each of name, number and start (field 22 of /proc/PID/stat). */
export function executedProcesses(toolState: string): readonly number[] {
  const lines = read(path.join(toolState, 'processes')).split('\n');
  return lines.flatMap((line) => {
    const [name = '', pid = '', start = ''] = line.split(' ');
    return name === 'exec' && startOf(pid) === start ? Number(pid) : [];
  });
}

/** Undefined for one that has ended, also where nobody has reaped it yet. */
function startOf(pid: string): string | undefined {
  const stat = /^\d+$/.test(pid) ? read(`/proc/${pid}/stat`) : '';
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? undefined : fields[18];
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
