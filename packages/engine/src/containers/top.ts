import { type ContainerProcess, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { readProcess } from './process-status.js';
import { requireRunning } from './runtime-of.js';

/** More are not listed but an error: nobody can read so many lines, and a container may have as many as it likes. */
const maxProcesses = 10_000;

/** Those that run as of now, by their numbers. Errors: `failed-precondition` when it does not run, `resource-exhausted`. */
export async function containerProcesses(parts: EngineParts, id: string): Promise<readonly ContainerProcess[]> {
  const { runtime, row } = await requireRunning(parts, id, { pausedToo: true });
  const pids = await runtime.processes(id);
  if (pids.length > maxProcesses) {
    throw new SlipwayError({
      kind: 'resource-exhausted',
      code: 'TOO_MANY_PROCESSES',
      message: `container ${JSON.stringify(row.name)} has ${pids.length} processes, and at most ${maxProcesses} are listed`,
      hint: `slipway update --pids-limit gives it a limit`,
      details: { id, processes: pids.length },
    });
  }
  // In the host's process namespace it has the host's numbers.
  const level = row.settings.namespaces?.pid === 'host' ? 0 : 1;
  return pids.flatMap((pid) => readProcess(pid, level) ?? []);
}
