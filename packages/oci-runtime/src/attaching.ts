import { connectMonitor, ToolFailure } from '@slipway/monitor';
import {
  type Attachment,
  type AttachRequest,
  canceled,
  SlipwayError,
  type TerminalSize,
  throwIfAborted,
  wrapError,
} from '@slipway/plugin-api';
import { isMonitorLost, withMonitor } from './connection.js';
import type { ContainerFolder } from './container-folder.js';
import { exited, noTerminal, unsupervised } from './errors.js';
import { observe } from './observe.js';
import type { Tool } from './tool.js';

/** Connects to the streams of a container. Errors: `not-found` (also when it has exited), `failed-precondition`. */
export async function attachToContainer(tool: Tool, folder: ContainerFolder, request: AttachRequest): Promise<Attachment> {
  const what = `attaching to container "${folder.id}"`;
  const { stdin = false, stdout = true, stderr = true, signal } = request;
  throwIfAborted(what, signal);
  const { state, monitor } = await observe(tool, folder);
  if (state.status === 'stopped') throw exited(folder.id);
  if (monitor === undefined) throw unsupervised(folder.id, 'attached to');
  try {
    const connection = await connectMonitor(folder.directory, monitor);
    try {
      const streams = await connection.attach({ stdin, stdout, stderr });
      throwIfAborted(what, signal);
      const hangUp = () => connection[Symbol.dispose]();
      signal?.addEventListener('abort', hangUp, { once: true });
      return {
        ...streams,
        ended: connection.exited,
        async [Symbol.asyncDispose]() {
          signal?.removeEventListener('abort', hangUp);
          hangUp();
        },
      };
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  } catch (error) {
    if (signal?.aborted) throw canceled(what, signal);
    if (error instanceof ToolFailure && error.reason === 'state') throw refused(folder.id, error);
    if (error instanceof ToolFailure && error.reason === 'exited') throw exited(folder.id, error);
    if (isMonitorLost(error) && (await observe(tool, folder)).state.status === 'stopped') throw exited(folder.id, error);
    throw wrapError(what, error);
  }
}

function refused(id: string, cause: ToolFailure): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_NOT_ATTACHABLE',
    message: `container "${id}" cannot be attached to: ${cause.output}`,
    hint: 'its stdin can be written to only when it was created for it, and only so many can attach at a time',
    details: { id },
    cause,
  });
}

/** Errors: `not-found`, `failed-precondition` without a terminal. */
export async function resizeContainer(tool: Tool, folder: ContainerFolder, size: TerminalSize): Promise<void> {
  const what = `container "${folder.id}"`;
  const { state, monitor } = await observe(tool, folder);
  if (state.status === 'stopped') throw exited(folder.id);
  if (monitor === undefined) throw unsupervised(folder.id, 'resized');
  try {
    await withMonitor(folder, monitor, (connection) => connection.resize(size));
  } catch (error) {
    if (error instanceof ToolFailure && error.reason === 'state') throw noTerminal(what, error);
    throw wrapError(`resizing the terminal of ${what}`, error);
  }
}
