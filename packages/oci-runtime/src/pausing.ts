import type { ContainerFolder } from './container-folder.js';
import { notPaused, notRunning } from './errors.js';
import { observe } from './observe.js';
import type { Tool } from './tool.js';
import { runVerb } from './verb.js';

/** Freezes every process. Errors: `not-found`, `failed-precondition`, `unimplemented`. */
export async function pauseContainer(tool: Tool, folder: ContainerFolder): Promise<void> {
  const { status } = (await observe(tool, folder)).state;
  if (status !== 'running') throw notRunning(folder.id, status);
  await runVerb(tool, folder, 'pause');
}

/** Errors: `not-found`, `failed-precondition`, `unimplemented`. */
export async function resumeContainer(tool: Tool, folder: ContainerFolder): Promise<void> {
  const { status } = (await observe(tool, folder)).state;
  if (status !== 'paused') throw notPaused(folder.id, status);
  await runVerb(tool, folder, 'resume');
}
