import { readNetwork, readPids, readStats } from '@slipway/cgroups';
import { hasCode, isSlipwayError, type RuntimeStats } from '@slipway/plugin-api';
import type { ContainerFolder } from './container-folder.js';
import { exited } from './errors.js';
import { cgroupOf, type Observed, observe } from './observe.js';
import type { Tool } from './tool.js';

/** Numbers of its processes on the host. Errors: `not-found`. */
export async function processesOf(tool: Tool, folder: ContainerFolder): Promise<readonly number[]> {
  const pid = firstProcess(folder, await observe(tool, folder));
  return readPids(cgroupOf(folder, pid));
}

/** What it has used. Errors: `not-found`. */
export async function statsOf(tool: Tool, folder: ContainerFolder): Promise<RuntimeStats> {
  const pid = firstProcess(folder, await observe(tool, folder));
  try {
    const network = readNetwork(pid);
    return { ...readStats(cgroupOf(folder, pid)), ...(network === undefined ? {} : { network }) };
  } catch (error) {
    // It has ended meanwhile.
    if (isSlipwayError(error) && hasCode(error, 'CGROUP_NOT_FOUND', 'PROCESS_NOT_FOUND')) throw exited(folder.id, error);
    throw error;
  }
}

function firstProcess(folder: ContainerFolder, { process }: Observed): number {
  if (process === undefined) throw exited(folder.id);
  return process.pid;
}
