import { closeSync, existsSync, mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isFrozen } from '@slipway/cgroups';
import { SlipwayError, step } from '@slipway/plugin-api';
import { removeCgroups } from './cgroups.js';
import { type ContainerFolder, removeFolder } from './container-folder.js';
import { readCgroup, readRecord } from './container-record.js';
import { execFolders, removeExec } from './exec-folder.js';
import { toolsHaveEnded } from './folder-lock.js';
import { takeOver } from './takeover.js';
import type { Tool } from './tool.js';
import { directArgs, limitsMs, runTool } from './tool-command.js';
import { toolError } from './tool-errors.js';

/** Told to end, it kills, runs the tool's deletion and waits for the last output, each of which is bounded there. */
const monitorPatience = { leaveMs: 0, endMs: 45_000, killedMs: 5_000 };
/** Its process is dead by then: it has only to hand on the last output. */
const execPatience = { leaveMs: 500, endMs: 10_000, killedMs: 5_000 };
const strayToolMs = 15_000;

/** Removes every trace of a container, whoever made it and however far that came. */
export async function deleteContainer(tool: Tool, folder: ContainerFolder): Promise<void> {
  if (!existsSync(folder.directory) && !existsSync(folder.toolState)) return;
  // The tool's own part may be all there is. Its lock and log need the folder.
  if (existsSync(folder.toolState)) mkdirSync(folder.directory, { recursive: true, mode: 0o700 });
  const lock = await takeOver(folder, folder.monitor, monitorPatience);
  // Another process has removed it meanwhile.
  if (lock === 'gone') return;
  if (lock === undefined)
    throw busy(folder.id, 'is held by another process', 'wait until the process that is creating it has ended');
  try {
    await removeToolState(tool, folder);
    await sweep(folder);
  } finally {
    closeSync(lock);
  }
}

/** What is frozen dies only when it is thawed: a deletion would wait for that in vain. */
export async function thaw(tool: Tool, folder: ContainerFolder): Promise<void> {
  if (!isKnownFrozen(folder)) return;
  // Where this fails, the sweep of the cgroups thaws what is left.
  await runTool('resume', directArgs(tool, folder, ['resume']), limitsMs.query).catch(() => {});
}

/** One that cannot be looked at is no reason to delete nothing. */
function isKnownFrozen(folder: ContainerFolder): boolean {
  const cgroup = readCgroup(folder);
  try {
    return cgroup !== undefined && isFrozen(cgroup);
  } catch {
    return false;
  }
}

/** What is left when the tool has done its part, or had nothing to do. */
async function sweep(folder: ContainerFolder): Promise<void> {
  const cgroups = cgroupsOf(folder);
  if (!(await removeCgroups(cgroups))) {
    throw new SlipwayError({
      kind: 'internal',
      code: 'CGROUP_BUSY',
      message: `container "${folder.id}": processes in its cgroups do not end`,
      hint: 'delete it again later',
      details: { id: folder.id, cgroups },
    });
  }
  await endExecs(folder);
  removeFolder(folder);
  step('runtime.delete.deleted', { id: folder.id });
}

async function endExecs(folder: ContainerFolder): Promise<void> {
  for (const exec of execFolders(folder)) {
    const lock = await takeOver(exec, exec.monitor, execPatience);
    if (lock === undefined) throw busy(folder.id, 'has a process that is being made', 'delete it again later');
    removeExec(exec);
    if (lock !== 'gone') closeSync(lock);
  }
}

/** A command whose monitor was killed ends a moment later than the monitor, and until then it may still make things. */
async function removeToolState(tool: Tool, folder: ContainerFolder): Promise<void> {
  for (const deadline = Date.now() + strayToolMs; !toolsHaveEnded(folder) && Date.now() < deadline; await sleep(5)) {
    // A process that waits to be started holds the lock too: the tool kills it, and fails where its state is not whole yet.
    if (existsSync(folder.toolState)) await runDeletion(tool, folder).catch(() => {});
    await removeCgroups(cgroupsOf(folder));
  }
  if (existsSync(folder.toolState)) await runDeletion(tool, folder);
}

async function runDeletion(tool: Tool, folder: ContainerFolder): Promise<void> {
  try {
    await runTool('delete', directArgs(tool, folder, ['delete', '--force']), limitsMs.delete);
  } catch (error) {
    throw toolError(tool, 'delete', folder.id, error);
  }
}

/** Those that its creation may have left. */
function cgroupsOf(folder: ContainerFolder): readonly string[] {
  return readRecord(folder)?.cgroups ?? [];
}

function busy(id: string, found: string, hint: string): SlipwayError {
  return new SlipwayError({
    kind: 'unavailable',
    code: 'CONTAINER_BUSY',
    message: `container "${id}" ${found}`,
    hint,
    details: { id },
  });
}
