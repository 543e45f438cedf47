import { ToolFailure } from '@slipway/monitor';
import { SlipwayError, step } from '@slipway/plugin-api';
import { isMonitorLost, withMonitor } from './connection.js';
import type { ContainerFolder } from './container-folder.js';
import { endedBeforeStart } from './ended-before-start.js';
import { exited, unsupervised } from './errors.js';
import { observe } from './observe.js';
import type { Tool } from './tool.js';
import { toolError } from './tool-errors.js';

/** Lets the user's program of a created container run. Errors: `not-found`, `failed-precondition`. */
export async function startContainer(tool: Tool, folder: ContainerFolder): Promise<void> {
  const { state, monitor } = await observe(tool, folder);
  if (state.status === 'stopped') throw endedBeforeStart(folder) ?? notCreated(folder.id, state.status);
  if (state.status !== 'created') throw notCreated(folder.id, state.status);
  if (monitor === undefined) throw unsupervised(folder.id, 'started');
  try {
    await withMonitor(folder, monitor, (connection) => connection.start());
  } catch (error) {
    if (isMonitorLost(error)) throw endedBeforeStart(folder) ?? unsupervised(folder.id, 'started');
    if (error instanceof ToolFailure && error.reason === 'exited') throw exited(folder.id, error);
    throw toolError(tool, 'start', folder.id, error, { log: folder.log });
  }
  step('runtime.start.started', { id: folder.id, ...(state.pid === undefined ? {} : { pid: state.pid }) });
}

function notCreated(id: string, status: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_STATE',
    message: `container "${id}" cannot be started: found "${status}", expected "created"`,
    details: { id, status },
  });
}
