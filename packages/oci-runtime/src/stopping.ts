import { setTimeout as sleep } from 'node:timers/promises';
import { type ExitStatus, SlipwayError, type StopRequest, throwIfAborted } from '@slipway/plugin-api';
import { isMonitorLost, withMonitor } from './connection.js';
import type { ContainerFolder } from './container-folder.js';
import { checkSignal } from './errors.js';
import { type Observed, observe } from './observe.js';
import { resumeContainer } from './pausing.js';
import { lives } from './process-identity.js';
import { SIGKILL, signalProcess } from './signals.js';
import type { Tool } from './tool.js';
import { waitForContainer } from './waiting.js';

const pollMs = 20;

/** The signal, SIGKILL after the grace. Errors: `not-found`, `canceled`, `data-loss` where it ended and nobody saw how. */
export async function stopContainer(tool: Tool, folder: ContainerFolder, request: StopRequest): Promise<ExitStatus> {
  const { signal, graceMs, abort } = request;
  const what = `stopping container "${folder.id}"`;
  checkSignal(what, signal);
  checkGrace(what, graceMs);
  throwIfAborted(what, abort);
  const observed = await observe(tool, folder);
  if (observed.state.status === 'stopped') return await waitForContainer(tool, folder, abort);
  // Nothing of the user's runs that could be asked: the runtime's own process ignores most signals.
  const asked = observed.state.status === 'created' ? 0 : graceMs;
  if (observed.monitor === undefined || !(await askMonitor(folder, observed.monitor, signal, asked))) {
    await stopDirectly(tool, folder, { signal, graceMs: asked, abort }, observed, what);
  } else if (observed.state.status === 'paused') {
    await resumeContainer(tool, folder).catch(() => {});
  }
  return await waitForContainer(tool, folder, abort);
}

/** False when the monitor was killed meanwhile. */
async function askMonitor(folder: ContainerFolder, monitor: number, signal: number, graceMs: number): Promise<boolean> {
  try {
    await withMonitor(folder, monitor, (connection) => connection.stop(signal, graceMs));
    return true;
  } catch (error) {
    if (isMonitorLost(error)) return false;
    throw error;
  }
}

/** Nobody watches it: the grace is waited for here. */
async function stopDirectly(
  tool: Tool,
  folder: ContainerFolder,
  request: StopRequest,
  observed: Observed,
  what: string,
): Promise<void> {
  const { signal, graceMs, abort } = request;
  const { process } = observed;
  signalProcess(process, graceMs === 0 ? SIGKILL : signal, what);
  // What is frozen does not get it before it is thawed.
  if (observed.state.status === 'paused') await resumeContainer(tool, folder).catch(() => {});
  for (const deadline = Date.now() + graceMs; lives(process) && Date.now() < deadline; await sleep(pollMs)) {
    throwIfAborted(what, abort);
  }
  signalProcess(process, SIGKILL, what);
}

function checkGrace(what: string, graceMs: number): void {
  if (graceMs >= 0) return;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'GRACE_INVALID',
    message: `${what}: grace of ${graceMs} ms: expected 0 or more, or Infinity`,
  });
}
