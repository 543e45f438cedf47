import { setTimeout as sleep } from 'node:timers/promises';
import { readNetwork, readPids, readStats } from '@slipway/cgroups';
import { hasCode, isSlipwayError, type ProcessIdentity, type RuntimeStats } from '@slipway/plugin-api';
import type { ContainerFolder } from './container-folder.js';
import { exited } from './errors.js';
import { cgroupOf, type Observed, observe } from './observe.js';
import type { Tool } from './tool.js';

/** Between the end of a machine and that of the process that stands for its container. */
const endingMs = 2_000;
const pollMs = 20;

/** Numbers of its processes on the host. Errors: `not-found`. */
export async function processesOf(tool: Tool, folder: ContainerFolder): Promise<readonly number[]> {
  const process = firstProcess(folder, await observe(tool, folder));
  try {
    const pids = readPids(cgroupOf(folder, process.pid));
    return tool.machine?.standing(pids) ?? pids;
  } catch (error) {
    throw isOfEnded(error) ? exited(folder.id, error) : error;
  }
}

/** What it has used. Errors: `not-found`. */
export async function statsOf(tool: Tool, folder: ContainerFolder): Promise<RuntimeStats> {
  const process = firstProcess(folder, await observe(tool, folder));
  try {
    if (tool.machine !== undefined) return await tool.machine.stats(folder);
    const network = readNetwork(process.pid);
    return { ...readStats(cgroupOf(folder, process.pid)), ...(network === undefined ? {} : { network }) };
  } catch (error) {
    if (isOfEnded(error) || (tool.machine !== undefined && (await ends(tool, folder)))) throw exited(folder.id, error);
    throw error;
  }
}

/** It has ended meanwhile. */
function isOfEnded(error: unknown): boolean {
  return isSlipwayError(error) && hasCode(error, 'CGROUP_NOT_FOUND', 'PROCESS_NOT_FOUND');
}

/** Whatever asking a machine failed with: one that has ended answers nobody. */
async function ends(tool: Tool, folder: ContainerFolder): Promise<boolean> {
  for (const deadline = Date.now() + endingMs; ; await sleep(pollMs)) {
    if ((await observe(tool, folder)).process === undefined) return true;
    if (Date.now() > deadline) return false;
  }
}

function firstProcess(folder: ContainerFolder, { process }: Observed): ProcessIdentity {
  if (process === undefined) throw exited(folder.id);
  return process;
}
