import { closeSync, existsSync, mkdirSync } from 'node:fs';
import { cgroupOfProcess, driverOfPath } from '@slipway/cgroups';
import { linux } from '@slipway/linux';
import { type Monitor, type MonitorMount, startMonitor } from '@slipway/monitor';
import { type CreateRequest, isSlipwayError, step, throwIfAborted } from '@slipway/plugin-api';
import type { Bundle } from './bundle.js';
import { cgroupsToCome } from './cgroups.js';
import { type ContainerFolder, exists } from './container-folder.js';
import { writeCgroup, writeMonitor, writeRecord } from './container-record.js';
import { hiddenHierarchies } from './hierarchies.js';
import { makeMountPoint } from './mount-point.js';
import { OciContainer } from './oci-container.js';
import { probeCommand } from './probe.js';
import { identityOf } from './process-identity.js';
import type { Tool } from './tool.js';
import { limitsMs, toolArgs } from './tool-command.js';
import { toolError } from './tool-errors.js';

/** Starts the monitor of a container whose id is taken. Closes the lock: the monitor has it now. */
export async function startContainerMonitor(
  tool: Tool,
  folder: ContainerFolder,
  request: CreateRequest,
  bundle: Bundle,
  lock: number,
  onStarted: (monitor: Monitor) => void,
): Promise<Monitor> {
  const { id, supervision, attachments = [] } = request;
  let tree: number | undefined;
  try {
    if (existsSync(folder.toolState)) throw exists(id);
    const cgroups = cgroupsToCome(id, bundle.cgroupsPath);
    writeRecord(folder, {
      bundle: bundle.directory,
      cgroups,
      statusDirectory: supervision?.directory ?? folder.directory,
    });
    using prepared = await tool.machine?.prepare(request, bundle, folder, cgroups);
    const mounts: MonitorMount[] = [...(prepared?.mounts ?? attachments)];
    if (prepared === undefined) for (const mount of mounts) makeMountPoint(mount);
    if (prepared === undefined && request.rootfs.length > 0) {
      mkdirSync(bundle.rootfs, { recursive: true, mode: 0o700 });
      tree = linux.mountDetached(request.rootfs);
      mounts.unshift({ fd: tree, directory: bundle.rootfs });
    }
    const monitor = await startMonitor({
      folder: folder.directory,
      dieWithParent: request.dieWithParent,
      ...request.stdio,
      mounts,
      id,
      supervision,
      probe: probeCommand(tool, folder, bundle, supervision),
      unmount: await hiddenHierarchies(tool),
      keepOpen: [...request.keepOpen, lock],
      starting: { args: toolArgs(tool, folder, 'start'), limitMs: limitsMs.start },
      deletion: { args: toolArgs(tool, folder, 'delete', '--force'), limitMs: limitsMs.delete },
    });
    // Before anything can fail: who deletes the container must find it.
    onStarted(monitor);
    const identity = identityOf(monitor.pid);
    if (identity !== undefined) writeMonitor(folder.monitor, identity);
    step('runtime.monitor.started', { id, pid: monitor.pid });
    step('runtime.create.mounted', { id, rootfs: bundle.rootfs });
    return monitor;
  } finally {
    closeSync(lock);
    if (tree !== undefined) closeSync(tree);
  }
}

/** Lets the monitor run the tool's creation. */
export async function createUnder(
  monitor: Monitor,
  tool: Tool,
  folder: ContainerFolder,
  { id, stdio: { terminal }, signal }: CreateRequest,
  bundle: Bundle,
): Promise<OciContainer> {
  const options = ['--bundle', bundle.directory, '--pid-file', folder.pidFile];
  if (terminal !== undefined) options.push('--console-socket', monitor.consoleSocket);
  const [binary = '', ...rest] = toolArgs(tool, folder, 'create', ...options);
  // Every other command finds it in the tool's own state.
  const args = [binary, ...(driverOfPath(bundle.cgroupsPath) === 'systemd' ? ['--systemd-cgroup'] : []), ...rest];
  const abort = () => {
    try {
      linux.kill(monitor.pid, 15);
    } catch {
      // It has ended by itself, which the request under way reports. Thrown from a listener it would end the process.
    }
  };
  try {
    throwIfAborted(`creating container "${id}"`, signal);
    signal?.addEventListener('abort', abort, { once: true });
    const pid = await monitor.create({
      args,
      limitMs: tool.machine?.createLimitMs ?? limitsMs.create,
      pidFile: folder.pidFile,
      terminal,
    });
    throwIfAborted(`creating container "${id}"`, signal);
    writeCgroup(folder, cgroupOfProcess(pid));
    await tool.machine?.created?.(folder);
    step('runtime.create.created', { id, pid });
    return new OciContainer(pid, monitor, folder, tool);
  } catch (error) {
    throw isSlipwayError(error) ? error : toolError(tool, 'create', id, error, { log: folder.log, command: bundle.command });
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
