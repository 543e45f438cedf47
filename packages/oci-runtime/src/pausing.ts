import { rmSync } from 'node:fs';
import type { ContainerFolder } from './container-folder.js';
import { markPaused } from './container-record.js';
import { notPaused, notRunning } from './errors.js';
import { observe } from './observe.js';
import type { Tool } from './tool.js';
import { runVerb } from './verb.js';

/** Freezes every process. Errors: `not-found`, `failed-precondition`, `unimplemented`. */
export async function pauseContainer(tool: Tool, folder: ContainerFolder): Promise<void> {
  const { state, process } = await observe(tool, folder);
  if (state.status !== 'running' || process === undefined) throw notRunning(folder.id, state.status);
  if (tool.machine === undefined) {
    await runVerb(tool, folder, 'pause');
    return;
  }
  // Before it is so, and gone only when it is so no more: what is said to be paused can be resumed, whoever is killed meanwhile.
  markPaused(folder, process);
  try {
    await runVerb(tool, folder, 'pause');
  } catch (error) {
    rmSync(folder.paused, { force: true });
    throw error;
  }
}

/** Errors: `not-found`, `failed-precondition`, `unimplemented`. */
export async function resumeContainer(tool: Tool, folder: ContainerFolder): Promise<void> {
  const { status } = (await observe(tool, folder)).state;
  if (status !== 'paused') throw notPaused(folder.id, status);
  await runVerb(tool, folder, 'resume');
  rmSync(folder.paused, { force: true });
}
