import { closeSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { SlipwayError, step } from '@slipway/plugin-api';
import { removeCgroups } from './cgroups.js';
import { type ContainerFolder, lockOf, readCgroups, removeFolder, toolsHaveEnded } from './container-folder.js';
import type { Tool } from './tool.js';
import { limitsMs, runTool, toolArgs } from './tool-command.js';
import { toolError } from './tool-errors.js';

/** For a monitor that was told to end: killing, the tool's deletion and the last output are each bounded there. */
const monitorEndMs = 45_000;
const killedMonitorEndMs = 5_000;
const strayToolMs = 15_000;
const SIGTERM = 15;
const SIGKILL = 9;
const SIGCONT = 18;

/** Removes every trace of a container, whoever made it and however far that came. */
export async function deleteContainer(tool: Tool, folder: ContainerFolder): Promise<void> {
  if (!existsSync(folder.directory) && !existsSync(folder.toolState)) return;
  // The tool's own part may be all there is. Its lock and log need the folder.
  if (existsSync(folder.toolState)) mkdirSync(folder.directory, { recursive: true, mode: 0o700 });
  const lock = await takeOver(folder);
  // Another process has removed it meanwhile.
  if (lock === 'gone') return;
  try {
    await removeToolState(tool, folder);
    await sweep(folder);
  } finally {
    closeSync(lock);
  }
}

/** What is left when the tool has done its part, or had nothing to do. */
async function sweep(folder: ContainerFolder): Promise<void> {
  if (!(await removeCgroups(readCgroups(folder)))) {
    throw new SlipwayError({
      kind: 'internal',
      code: 'CGROUP_BUSY',
      message: `container "${folder.id}": processes in its cgroups do not end`,
      hint: 'delete it again later',
      details: { id: folder.id, cgroups: readCgroups(folder) },
    });
  }
  removeFolder(folder);
  step('runtime.delete.deleted', { id: folder.id });
}

/** A command whose monitor was killed ends a moment later than the monitor, and until then it may still make things. */
async function removeToolState(tool: Tool, folder: ContainerFolder): Promise<void> {
  for (const deadline = Date.now() + strayToolMs; !toolsHaveEnded(folder) && Date.now() < deadline; await sleep(5)) {
    // A process that waits to be started holds the lock too: the tool kills it, and fails where its state is not whole yet.
    if (existsSync(folder.toolState)) await runDeletion(tool, folder).catch(() => {});
    await removeCgroups(readCgroups(folder));
  }
  if (existsSync(folder.toolState)) await runDeletion(tool, folder);
}

async function runDeletion(tool: Tool, folder: ContainerFolder): Promise<void> {
  try {
    await runTool('delete', toolArgs(tool, folder, 'delete', '--force'), limitsMs.delete);
  } catch (error) {
    throw toolError(tool, 'delete', folder.id, error, folder.log);
  }
}

/** Ends the monitor, if one lives, and takes its lock. */
async function takeOver(folder: ContainerFolder): Promise<number | 'gone'> {
  let lock = await lockOf(folder, 0);
  for (const [signal, waitMs] of [
    [SIGTERM, monitorEndMs],
    [SIGKILL, killedMonitorEndMs],
  ] as const) {
    if (lock !== undefined) return lock;
    signalMonitor(folder, signal);
    lock = await lockOf(folder, waitMs);
  }
  if (lock !== undefined) return lock;
  throw new SlipwayError({
    kind: 'unavailable',
    code: 'CONTAINER_BUSY',
    message: `container "${folder.id}" is held by another process`,
    hint: 'wait until the process that is creating it has ended',
    details: { id: folder.id },
  });
}

/** The lock is held, so the process that the file names lives, unless it is not the monitor but the creator that holds it. */
function signalMonitor(folder: ContainerFolder, signal: number): void {
  try {
    const pid = Number(readFileSync(folder.monitorPid, 'utf8'));
    if (pid <= 1 || readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'slipway-monitor\n') return;
    linux.kill(pid, signal);
    // One that somebody has stopped hears of it only then.
    linux.kill(pid, SIGCONT);
  } catch {
    // It has ended, or has not been started: the lock will tell.
  }
}
