import { closeSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { linux } from '@slipway/linux';
import { type Monitor, startMonitor, ToolFailure } from '@slipway/monitor';
import {
  type Attachment,
  type CreateRequest,
  canceled,
  type ExecProcess,
  type ExecRequest,
  type ExitStatus,
  isSlipwayError,
  type Logger,
  type PluginDirs,
  type Runtime,
  type RuntimeFeatures,
  type RuntimeResources,
  type RuntimeState,
  type RuntimeStats,
  type StopRequest,
  step,
  type TerminalSize,
  throwIfAborted,
  tokens,
  wrapError,
} from '@slipway/plugin-api';
import { inject, injectable } from 'tsyringe';
import { type Bundle, readBundle } from './bundle.js';
import { cgroupsToCome } from './cgroups.js';
import { type ContainerFolder, claim, containerFolder, exists, writeRecord } from './container-folder.js';
import { checkRequest } from './create-request.js';
import { deleteContainer } from './deletion.js';
import { readFeatures } from './features.js';
import { checkId } from './identifier.js';
import { OciContainer } from './oci-container.js';
import { readState } from './state.js';
import type { Tool } from './tool.js';
import { limitsMs, toolArgs } from './tool-command.js';
import { toolError } from './tool-errors.js';

/** Token of the {@link Tool} in the plugin's container. */
export const toolToken = 'oci-runtime:tool';

/** {@link Runtime} by the command line of an OCI runtime, each container under a monitor of its own. See the README for how the laws are kept. */
@injectable()
export class OciRuntime implements Runtime {
  /** Monitors that this process started and that live. */
  private readonly monitors = new Map<string, Monitor>();
  private measured: Promise<RuntimeFeatures> | undefined;

  constructor(
    @inject(toolToken) private readonly tool: Tool,
    @inject(tokens.dirs) private readonly dirs: PluginDirs,
    @inject(tokens.log) private readonly log: Logger,
  ) {}

  features(): Promise<RuntimeFeatures> {
    this.measured ??= readFeatures(this.tool).catch((error: unknown) => {
      this.measured = undefined;
      throw error;
    });
    return this.measured;
  }

  async create(request: CreateRequest): Promise<OciContainer> {
    checkId(request.id);
    const what = `creating container "${request.id}"`;
    throwIfAborted(what, request.signal);
    const bundle = readBundle(request.bundle);
    checkRequest(this.tool, request, bundle);
    const folder = containerFolder(this.dirs, request.id);
    const lock = claim(folder);
    try {
      const monitor = await this.startMonitor(request, bundle, folder, lock);
      return await this.createUnder(monitor, request, bundle, folder);
    } catch (error) {
      await this.delete(request.id).catch((leftover: unknown) =>
        this.log.warn('a container that could not be created was not removed', { id: request.id, error: String(leftover) }),
      );
      throw request.signal?.aborted ? canceled(what, request.signal) : wrapError(what, error);
    }
  }

  async state(id: string): Promise<RuntimeState> {
    checkId(id);
    return readState(this.tool, containerFolder(this.dirs, id));
  }

  start(_id: string): Promise<void> {
    return unfinished();
  }
  kill(_id: string, _signal: number): Promise<void> {
    return unfinished();
  }
  stop(_id: string, _request: StopRequest): Promise<ExitStatus> {
    return unfinished();
  }
  wait(_id: string): Promise<ExitStatus> {
    return unfinished();
  }
  exec(_id: string, _request: ExecRequest): Promise<ExecProcess> {
    return unfinished();
  }
  attach(_id: string): Promise<Attachment> {
    return unfinished();
  }
  resize(_id: string, _size: TerminalSize): Promise<void> {
    return unfinished();
  }
  pause(_id: string): Promise<void> {
    return unfinished();
  }
  resume(_id: string): Promise<void> {
    return unfinished();
  }
  processes(_id: string): Promise<readonly number[]> {
    return unfinished();
  }
  stats(_id: string): Promise<RuntimeStats> {
    return unfinished();
  }
  update(_id: string, _resources: RuntimeResources): Promise<void> {
    return unfinished();
  }

  async delete(id: string): Promise<void> {
    checkId(id);
    const folder = containerFolder(this.dirs, id);
    const monitor = this.monitors.get(id);
    if (monitor !== undefined) await this.deleteBy(monitor, folder);
    await deleteContainer(this.tool, folder);
  }

  private async startMonitor(request: CreateRequest, bundle: Bundle, folder: ContainerFolder, lock: number): Promise<Monitor> {
    let tree: number | undefined;
    try {
      if (existsSync(folder.toolState)) throw exists(request.id);
      writeRecord(folder, cgroupsToCome(request.id, bundle.cgroupsPath));
      if (request.rootfs.length > 0) {
        mkdirSync(bundle.rootfs, { recursive: true, mode: 0o700 });
        tree = linux.mountDetached(request.rootfs);
      }
      const monitor = await startMonitor({
        folder: folder.directory,
        dieWithParent: request.dieWithParent,
        ...request.stdio,
        mounts: tree === undefined ? [] : [{ fd: tree, directory: bundle.rootfs }],
        keepOpen: [...request.keepOpen, lock],
        deletion: { args: toolArgs(this.tool, folder, 'delete', '--force'), limitMs: limitsMs.delete },
      });
      // Before anything can fail: who deletes the container must find it.
      this.monitors.set(request.id, monitor);
      void monitor.ended.then(() => this.monitors.delete(request.id));
      writeFileSync(folder.monitorPid, String(monitor.pid), { mode: 0o600 });
      step('runtime.monitor.started', { id: request.id, pid: monitor.pid });
      step('runtime.create.mounted', { id: request.id, rootfs: bundle.rootfs });
      return monitor;
    } finally {
      closeSync(lock);
      if (tree !== undefined) closeSync(tree);
    }
  }

  private async createUnder(
    monitor: Monitor,
    request: CreateRequest,
    bundle: Bundle,
    folder: ContainerFolder,
  ): Promise<OciContainer> {
    const { terminal } = request.stdio;
    const options = ['--bundle', bundle.directory, '--pid-file', folder.pidFile];
    if (terminal !== undefined) options.push('--console-socket', monitor.consoleSocket);
    const args = toolArgs(this.tool, folder, 'create', ...options);
    const abort = () => {
      try {
        linux.kill(monitor.pid, 15);
      } catch {
        // It has ended by itself, which the request under way reports. Thrown from a listener it would end the process.
      }
    };
    try {
      throwIfAborted(`creating container "${request.id}"`, request.signal);
      request.signal?.addEventListener('abort', abort, { once: true });
      const pid = await monitor.create({ args, limitMs: limitsMs.create, pidFile: folder.pidFile, terminal });
      throwIfAborted(`creating container "${request.id}"`, request.signal);
      step('runtime.create.created', { id: request.id, pid });
      return new OciContainer(pid, monitor, folder, this.tool);
    } catch (error) {
      throw isSlipwayError(error) ? error : toolError(this.tool, 'create', request.id, error, folder.log);
    } finally {
      request.signal?.removeEventListener('abort', abort);
    }
  }

  /** The monitor runs the tool for less than a process as big as this one would. What it leaves undone is done after it has ended. */
  private async deleteBy(monitor: Monitor, folder: ContainerFolder): Promise<void> {
    try {
      await monitor.delete();
    } catch (error) {
      const isLostOrDeleting = isSlipwayError(error) || (error instanceof ToolFailure && error.reason === 'state');
      if (!isLostOrDeleting) throw toolError(this.tool, 'delete', folder.id, error, folder.log);
      return;
    }
    await monitor.ended;
  }
}

function unfinished(): Promise<never> {
  return Promise.reject(new Error('UNFINISHED'));
}
