import { linux } from '@slipway/linux';
import { ToolFailure } from '@slipway/monitor';
import { hasCode, type ProcessIdentity, wrapError } from '@slipway/plugin-api';
import { isMonitorLost, withMonitor } from './connection.js';
import type { ContainerFolder } from './container-folder.js';
import { checkSignal, exited } from './errors.js';
import { type Observed, observe } from './observe.js';
import { lives } from './process-identity.js';
import type { Tool } from './tool.js';
import { directArgs, limitsMs, runTool } from './tool-command.js';
import { toolError } from './tool-errors.js';

export const SIGKILL = 9;

/** Sends a signal to the first process, or to every process of the container. Errors: `not-found` when it has exited. */
export async function killContainer(tool: Tool, folder: ContainerFolder, signal: number, all: boolean): Promise<void> {
  checkSignal(`container "${folder.id}"`, signal);
  const observed = await observe(tool, folder);
  if (observed.state.status === 'stopped') throw exited(folder.id);
  if (all) await signalAll(tool, folder, signal, observed);
  else await signalFirst(tool, folder, signal, observed);
}

async function signalFirst(tool: Tool, folder: ContainerFolder, signal: number, { monitor, process }: Observed): Promise<void> {
  const what = `signal ${signal} to container "${folder.id}"`;
  if (monitor === undefined) {
    if (!signalProcess(process, signal, what)) throw exited(folder.id);
    return;
  }
  try {
    await withMonitor(folder, monitor, (connection) => connection.signal(signal));
  } catch (error) {
    if (error instanceof ToolFailure && error.reason === 'exited') throw exited(folder.id, error);
    if (!isMonitorLost(error)) throw wrapError(what, error);
    // It was killed, or has ended with the container, between the look and the request.
    const now = await observe(tool, folder);
    if (now.monitor !== undefined) throw wrapError(what, error);
    if (!signalProcess(now.process, signal, what)) throw exited(folder.id, error);
  }
}

/** The tool freezes the cgroup, or has other means, so that no child is missed that is made meanwhile. */
async function signalAll(tool: Tool, folder: ContainerFolder, signal: number, observed: Observed): Promise<void> {
  // The monitor must know that this is no end after which it restarts.
  if (signal === SIGKILL && observed.monitor !== undefined) await signalFirst(tool, folder, signal, observed).catch(ignoreExited);
  try {
    await runTool('kill', directArgs(tool, folder, ['kill', '--all'], String(signal)), limitsMs.query);
  } catch (error) {
    const { status } = (await observe(tool, folder)).state;
    if (status !== 'stopped') throw toolError(tool, 'kill', folder.id, error);
    if (signal !== SIGKILL) throw exited(folder.id, error);
  }
}

function ignoreExited(error: unknown): void {
  if (!hasCode(error, 'CONTAINER_EXITED')) throw error;
}

/** kill(2) of a process that is no child of ours: its number is checked just before. False when it has ended. */
export function signalProcess(process: ProcessIdentity | undefined, signal: number, what: string): boolean {
  if (!lives(process)) return false;
  try {
    linux.kill(process.pid, signal);
    return true;
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false;
    throw wrapError(what, error);
  }
}
