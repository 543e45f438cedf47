import { ToolFailure } from '@slipway/monitor';
import { type RestartPolicy, SlipwayError } from '@slipway/plugin-api';
import { isMonitorLost, withMonitor } from './connection.js';
import type { ContainerFolder } from './container-folder.js';
import { exited, unsupervised } from './errors.js';
import { observe } from './observe.js';
import type { Tool } from './tool.js';

/** From now on, for as long as its monitor lives. Errors: `not-found` when it has ended, `failed-precondition` when nobody would restart it. */
export async function setRestartPolicy(tool: Tool, folder: ContainerFolder, policy: RestartPolicy): Promise<void> {
  const { monitor, state } = await observe(tool, folder);
  if (state.status === 'stopped') throw exited(folder.id);
  if (monitor === undefined) throw unsupervised(folder.id, 'given a restart policy');
  try {
    await withMonitor(folder, monitor, (connection) => connection.setRestartPolicy(policy));
  } catch (error) {
    if (error instanceof ToolFailure && error.reason === 'exited') throw exited(folder.id, error);
    if (error instanceof ToolFailure && error.reason === 'state') throw notSupervised(folder.id, error);
    if (isMonitorLost(error)) throw unsupervised(folder.id, 'given a restart policy');
    throw error;
  }
}

function notSupervised(id: string, cause: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_NOT_SUPERVISED',
    message: `container "${id}" was created without supervision, and nobody would restart it`,
    details: { id },
    cause,
  });
}
