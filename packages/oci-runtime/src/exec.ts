import { closeSync, writeFileSync } from 'node:fs';
import { linux } from '@slipway/linux';
import { type Monitor, startMonitor } from '@slipway/monitor';
import { runtimeJson } from '@slipway/oci';
import {
  canceled,
  type ExecRequest,
  isSlipwayError,
  type RuntimeProcess,
  type RuntimeState,
  step,
  throwIfAborted,
  wrapError,
} from '@slipway/plugin-api';
import type { ContainerFolder } from './container-folder.js';
import { writeMonitor } from './container-record.js';
import { checkStdio } from './create-request.js';
import { notRunning } from './errors.js';
import { claimExec, type ExecFolder, removeExec, sweepExecs } from './exec-folder.js';
import { commandsOf } from './features.js';
import { observe } from './observe.js';
import { OciProcess } from './oci-process.js';
import { identityOf, isEnding } from './process-identity.js';
import type { Tool } from './tool.js';
import { limitsMs, toolArgs } from './tool-command.js';
import { toolError } from './tool-errors.js';
import { lacking } from './verb.js';

/** Another process in a running container, under a monitor of its own. */
export async function execInContainer(tool: Tool, folder: ContainerFolder, request: ExecRequest): Promise<OciProcess> {
  const what = `process in container "${folder.id}"`;
  throwIfAborted(what, request.signal);
  checkStdio(what, request.stdio, request.process.terminal ?? false);
  const { state } = await observe(tool, folder);
  requireRunning(folder, state);
  sweepExecs(folder);
  const { exec, lock } = claimExec(folder);
  let monitor: Monitor | undefined;
  try {
    const process = withSize(request);
    writeFileSync(exec.process, runtimeJson(process), { mode: 0o600 });
    tool.machine?.prepareProcess(folder, exec.process, process);
    monitor = await startExecMonitor(request, exec, lock, state.pid);
    step('runtime.exec.begun', { id: folder.id, monitorPid: monitor.pid });
    return await execUnder(monitor, tool, folder, exec, request, what);
  } catch (error) {
    if (monitor === undefined) removeExec(exec);
    else await endMonitor(monitor, exec);
    throw request.signal?.aborted ? canceled(what, request.signal) : wrapError(what, error);
  } finally {
    closeSync(lock);
  }
}

/** The program runs as soon as the tool has made it: a size that the monitor sets afterwards could come too late. */
function withSize({ process, stdio: { terminal } }: ExecRequest): RuntimeProcess {
  return terminal === undefined ? process : { ...process, consoleSize: { height: terminal.rows, width: terminal.columns } };
}

function requireRunning(folder: ContainerFolder, { status }: RuntimeState): void {
  if (status !== 'running') throw notRunning(folder.id, status);
}

async function startExecMonitor(
  request: ExecRequest,
  exec: ExecFolder,
  lock: number,
  containerPid: number | undefined,
): Promise<Monitor> {
  const monitor = await startMonitor({
    folder: exec.directory,
    dieWithParent: request.dieWithParent,
    ...request.stdio,
    mounts: [],
    exec: true,
    memoryOf: containerPid,
    keepOpen: [lock],
  });
  // For who deletes the container. One that has ended already needs no end.
  const identity = identityOf(monitor.pid);
  if (identity !== undefined) writeMonitor(exec.monitor, identity);
  return monitor;
}

async function execUnder(
  monitor: Monitor,
  tool: Tool,
  folder: ContainerFolder,
  exec: ExecFolder,
  { process, stdio: { terminal }, dieWithParent, signal }: ExecRequest,
  what: string,
): Promise<OciProcess> {
  const options = ['--detach', '--process', exec.process, '--pid-file', exec.pidFile];
  if (terminal !== undefined) options.push('--console-socket', monitor.consoleSocket);
  const args = toolArgs(tool, { ...folder, log: exec.log }, 'exec', ...options);
  const abort = () => endSoon(monitor);
  try {
    throwIfAborted(what, signal);
    signal?.addEventListener('abort', abort, { once: true });
    const pid = await monitor.create({ args, limitMs: limitsMs.create, pidFile: exec.pidFile, terminal });
    throwIfAborted(what, signal);
    step('runtime.exec.started', { id: folder.id, pid });
    return new OciProcess(pid, what, monitor, (status) => {
      step('runtime.exec.exited', { id: folder.id, pid, ...status });
      // Without `dieWithParent` it does so by itself, and has done it. What it leaves undone is swept up later.
      if (dieWithParent) void monitor.delete().catch(() => endSoon(monitor));
    });
  } catch (error) {
    if (isSlipwayError(error)) throw error;
    const { state } = await observe(tool, folder);
    requireRunning(folder, state);
    // Nobody can enter its namespaces any more, while it still counts as running.
    if (state.pid !== undefined && isEnding(state.pid)) throw notRunning(folder.id, 'stopped');
    if (!(await commandsOf(tool)).has('exec')) throw lacking(tool, 'exec');
    throw toolError(tool, 'exec', folder.id, error, { log: exec.log, command: process.args[0] });
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** A process that was made is killed by its monitor. */
async function endMonitor(monitor: Monitor, exec: ExecFolder): Promise<void> {
  endSoon(monitor);
  await monitor.ended;
  removeExec(exec);
}

function endSoon(monitor: Monitor): void {
  try {
    linux.kill(monitor.pid, 15);
  } catch {
    // It has ended by itself, which the request under way reports. Thrown from a listener it would end the process.
  }
}
