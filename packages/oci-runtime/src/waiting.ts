import { setTimeout as sleep } from 'node:timers/promises';
import { connectMonitor } from '@slipway/monitor';
import { canceled, type ExitStatus, throwIfAborted } from '@slipway/plugin-api';
import { isMonitorBusy, isMonitorLost } from './connection.js';
import type { ContainerFolder } from './container-folder.js';
import { exitUnknown } from './errors.js';
import { type Observed, observe } from './observe.js';
import { lives } from './process-identity.js';
import type { Tool } from './tool.js';

/** Where there is nobody to tell of the end of a process that is no child of ours. */
const pollMs = 50;
/** For a monitor that is about to end. */
const connectAgainMs = 5;
/** For one that has no place for us, until we take another's. */
const busyMs = 500;

/** Resolves when it has ended for good. Errors: `not-found`, `canceled`, `data-loss` where nobody saw how it ended. */
export async function waitForContainer(
  tool: Tool,
  folder: ContainerFolder,
  signal: AbortSignal | undefined,
): Promise<ExitStatus> {
  const what = `waiting for container "${folder.id}"`;
  for (;;) {
    throwIfAborted(what, signal);
    const observed = await observe(tool, folder);
    // What has ended may still have output to be passed on, and be cleaned up after: a monitor that lives says when that is over.
    const status = observed.monitor === undefined ? undefined : await exitByMonitor(folder, observed.monitor, what, signal);
    if (status === 'busy') {
      await sleep(busyMs);
      await processEnd(observed, what, signal);
      continue;
    }
    if (status !== undefined) return status;
    if (observed.monitor !== undefined) await sleep(connectAgainMs);
    else if (observed.state.status === 'stopped') return exitOf(folder, observed);
    else await processEnd(observed, what, signal);
  }
}

export function exitOf(folder: ContainerFolder, { state }: Observed): ExitStatus {
  if (state.exit === undefined) throw exitUnknown(folder.id);
  return state.exit;
}

/** Undefined when the monitor has gone without telling. */
async function exitByMonitor(
  folder: ContainerFolder,
  monitor: number,
  what: string,
  signal: AbortSignal | undefined,
): Promise<ExitStatus | 'busy' | undefined> {
  try {
    using connection = await connectMonitor(folder.directory, monitor);
    return await abortable(connection.exited, what, signal);
  } catch (error) {
    if (isMonitorLost(error)) return undefined;
    if (isMonitorBusy(error)) return 'busy';
    throw error;
  }
}

async function processEnd({ process }: Observed, what: string, signal: AbortSignal | undefined): Promise<void> {
  while (lives(process)) {
    throwIfAborted(what, signal);
    await sleep(pollMs);
  }
}

async function abortable<T>(promise: Promise<T>, what: string, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  throwIfAborted(what, signal);
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(canceled(what, signal));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
