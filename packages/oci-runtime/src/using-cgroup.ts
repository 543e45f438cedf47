import { readNetwork, readPids, readStats } from '@slipway/cgroups';
import { hasCode, isSlipwayError, type ProcessIdentity, type RuntimeStats } from '@slipway/plugin-api';
import type { ContainerFolder } from './container-folder.js';
import { exited } from './errors.js';
import { cgroupOf, type Observed, observe } from './observe.js';
import type { Tool } from './tool.js';

/** Numbers of its processes on the host. Errors: `not-found`. */
export async function processesOf(tool: Tool, folder: ContainerFolder): Promise<readonly number[]> {
  const process = firstProcess(folder, await observe(tool, folder));
  const pids = readPids(cgroupOf(folder, process.pid));
  return tool.machine?.standing(pids) ?? pids;
}

/** What it has used. Errors: `not-found`. */
export async function statsOf(tool: Tool, folder: ContainerFolder): Promise<RuntimeStats> {
  const process = firstProcess(folder, await observe(tool, folder));
  try {
    if (tool.machine !== undefined) return await tool.machine.stats(folder);
    const network = readNetwork(process.pid);
    return { ...readStats(cgroupOf(folder, process.pid)), ...(network === undefined ? {} : { network }) };
  } catch (error) {
    // It has ended meanwhile.
    if (isSlipwayError(error) && hasCode(error, 'CGROUP_NOT_FOUND', 'PROCESS_NOT_FOUND')) throw exited(folder.id, error);
    throw error;
  }
}

function firstProcess(folder: ContainerFolder, { process }: Observed): ProcessIdentity {
  if (process === undefined) throw exited(folder.id);
  return process;
}
