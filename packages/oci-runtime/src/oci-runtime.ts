import type { Monitor } from '@slipway/monitor';
import { ToolFailure } from '@slipway/monitor';
import {
  type Attachment,
  type AttachRequest,
  type CreateRequest,
  canceled,
  type ExecProcess,
  type ExecRequest,
  type ExitStatus,
  isSlipwayError,
  type Logger,
  type PluginDirs,
  type RestartPolicy,
  type Runtime,
  type RuntimeFeatures,
  type RuntimeResources,
  type RuntimeState,
  type RuntimeStats,
  type StopRequest,
  type TerminalSize,
  throwIfAborted,
  tokens,
  wrapError,
} from '@slipway/plugin-api';
import { inject, injectable } from 'tsyringe';
import { attachToContainer, resizeContainer } from './attaching.js';
import { readBundle } from './bundle.js';
import { withCgroupDriver } from './cgroup-driver.js';
import { type ContainerFolder, claim, containerFolder } from './container-folder.js';
import { checkRequest } from './create-request.js';
import { createUnder, startContainerMonitor } from './creation.js';
import { deleteContainer, thaw } from './deletion.js';
import { execInContainer } from './exec.js';
import { readFeatures } from './features.js';
import { checkId } from './identifier.js';
import { observe } from './observe.js';
import type { OciContainer } from './oci-container.js';
import { pauseContainer, resumeContainer } from './pausing.js';
import { setRestartPolicy } from './restarting.js';
import { killContainer } from './signals.js';
import { startContainer } from './starting.js';
import { stopContainer } from './stopping.js';
import type { Tool } from './tool.js';
import { toolError } from './tool-errors.js';
import { updateContainer } from './updating.js';
import { processesOf, statsOf } from './using-cgroup.js';
import { waitForContainer } from './waiting.js';

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
    this.measured ??= (this.tool.machine?.features() ?? readFeatures(this.tool)).catch((error: unknown) => {
      this.measured = undefined;
      throw error;
    });
    return this.measured;
  }

  async create(request: CreateRequest): Promise<OciContainer> {
    checkId(request.id);
    const what = `creating container "${request.id}"`;
    throwIfAborted(what, request.signal);
    const read = readBundle(request.bundle);
    checkRequest(this.tool, request, read);
    const bundle = withCgroupDriver(read, request.id, this.tool.cgroupDriver);
    const folder = containerFolder(this.dirs, request.id);
    const lock = claim(folder);
    try {
      const monitor = await startContainerMonitor(this.tool, folder, request, bundle, lock, (started) =>
        this.keep(request.id, started),
      );
      return await createUnder(monitor, this.tool, folder, request, bundle);
    } catch (error) {
      await this.delete(request.id).catch((leftover: unknown) =>
        this.log.warn('a container that could not be created was not removed', { id: request.id, error: String(leftover) }),
      );
      throw request.signal?.aborted ? canceled(what, request.signal) : wrapError(what, error);
    }
  }

  async state(id: string): Promise<RuntimeState> {
    const folder = this.folder(id);
    const { state } = await observe(this.tool, folder);
    const machine = state.status === 'stopped' ? undefined : this.tool.machine?.machineOf(folder);
    return machine === undefined ? state : { ...state, machine };
  }

  async start(id: string): Promise<void> {
    await startContainer(this.tool, this.folder(id));
  }

  async kill(id: string, signal: number, options: { readonly all?: boolean | undefined } = {}): Promise<void> {
    await killContainer(this.tool, this.folder(id), signal, options.all ?? false);
  }

  async stop(id: string, request: StopRequest): Promise<ExitStatus> {
    return await stopContainer(this.tool, this.folder(id), request);
  }

  async wait(id: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<ExitStatus> {
    return await waitForContainer(this.tool, this.folder(id), options.signal);
  }

  async exec(id: string, request: ExecRequest): Promise<ExecProcess> {
    return await execInContainer(this.tool, this.folder(id), request);
  }

  async attach(id: string, request: AttachRequest = {}): Promise<Attachment> {
    return await attachToContainer(this.tool, this.folder(id), request);
  }

  async resize(id: string, size: TerminalSize): Promise<void> {
    await resizeContainer(this.tool, this.folder(id), size);
  }

  async pause(id: string): Promise<void> {
    await pauseContainer(this.tool, this.folder(id));
  }

  async resume(id: string): Promise<void> {
    await resumeContainer(this.tool, this.folder(id));
  }

  async processes(id: string): Promise<readonly number[]> {
    return await processesOf(this.tool, this.folder(id));
  }

  async stats(id: string): Promise<RuntimeStats> {
    return await statsOf(this.tool, this.folder(id));
  }

  async update(id: string, resources: RuntimeResources): Promise<void> {
    await updateContainer(this.tool, this.folder(id), resources);
  }

  async setRestartPolicy(id: string, policy: RestartPolicy): Promise<void> {
    await setRestartPolicy(this.tool, this.folder(id), policy);
  }

  async delete(id: string): Promise<void> {
    const folder = this.folder(id);
    await thaw(this.tool, folder);
    const monitor = this.monitors.get(id);
    if (monitor !== undefined) await this.deleteBy(monitor, folder);
    await deleteContainer(this.tool, folder);
  }

  private folder(id: string): ContainerFolder {
    checkId(id);
    return containerFolder(this.dirs, id);
  }

  private keep(id: string, monitor: Monitor): void {
    this.monitors.set(id, monitor);
    void monitor.ended.then(() => this.monitors.delete(id));
  }

  /** The monitor runs the tool for less than a process as big as this one would. What it leaves undone is done after it has ended. */
  private async deleteBy(monitor: Monitor, folder: ContainerFolder): Promise<void> {
    try {
      await monitor.delete();
    } catch (error) {
      const isLostOrDeleting = isSlipwayError(error) || (error instanceof ToolFailure && error.reason === 'state');
      if (!isLostOrDeleting) throw toolError(this.tool, 'delete', folder.id, error, { log: folder.log });
      return;
    }
    await monitor.ended;
  }
}
