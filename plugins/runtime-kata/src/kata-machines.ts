import { existsSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Bundle, ContainerFolder, MachineTool, PreparedMounts } from '@slipway/oci-runtime';
import {
  type CreateRequest,
  type Logger,
  type MachineState,
  type PluginDirs,
  type RuntimeFeatures,
  type RuntimeResources,
  type RuntimeStats,
  throwIfAborted,
} from '@slipway/plugin-api';
import { type Acceleration, findAcceleration } from './acceleration.js';
import type { KataConfig } from './config.js';
import { containerCalls, processRequest, updateRequest } from './guest-calls.js';
import { filtersSystemCalls, type GuestFiles, guestFiles } from './guest-files.js';
import { guestSpec } from './guest-spec.js';
import { hostCgroupSteps } from './host-cgroup.js';
import { kernelArgs } from './kernel-args.js';
import { imagesInUse, readMachineRecord, writeMachineRecord } from './machine-record.js';
import type { MachineSettings } from './machine-settings.js';
import { machineUser } from './machine-user.js';
import { guestNetwork } from './network/guest-network.js';
import { encodePlan, type PlanStep } from './plan.js';
import { isShim } from './programs.js';
import { rootDisks } from './root-disks.js';
import { checkProcess, checkSpec } from './runtime-spec.js';
import { attachedTrees, sharedTrees, shareStorage, shareTag } from './shared-trees.js';
import { checkUpdate, machineSize } from './sizing.js';
import { guestStats } from './stats.js';
import { MachineTemplates } from './template/machine-templates.js';
import { TemplateFolder } from './template/template-folder.js';
import { virtiofsdFor } from './virtiofsd.js';
import type { Vmm } from './vmm.js';

/** Kinds of mounts that the manifest declares. */
export const accepts = ['layers'] as const;

/** Seconds. Enough on a host that boots many at once; one that takes longer hangs. */
const bootLimits = { kvm: 60, tcg: 300 } as const;
/** For what follows the boot: the monitor's own part, and the deletion of a machine that did not come up. */
const createGraceMs = 30_000;

/** What is prepared for the shim, whose `create` makes the machine and the container in it. */
export class KataMachines implements MachineTool {
  readonly accepts = accepts;
  readonly createLimitMs: number;
  private readonly templates: MachineTemplates | undefined;
  private found: Promise<{ readonly guest: GuestFiles; readonly acceleration: Acceleration }> | undefined;

  constructor(
    private readonly vmm: Vmm,
    private readonly shim: string,
    private readonly config: KataConfig,
    private readonly dirs: PluginDirs,
    private readonly log: Logger,
  ) {
    const templates = new TemplateFolder(path.join(dirs.state, 'templates'), log);
    this.templates = config.template ? new MachineTemplates(vmm, templates, shim, log) : undefined;
    this.createLimitMs = (config.boot_limit ?? bootLimits.tcg) * 1000 + createGraceMs;
  }

  async features(): Promise<RuntimeFeatures> {
    const version = await this.vmm.version();
    const { guest, acceleration } = await this.host();
    const { accel, hardware, reason } = acceleration;
    return {
      version,
      isolation: 'vm',
      machine: { accel, hardware, ...(reason === undefined ? {} : { reason }) },
      seccomp: await filtersSystemCalls(guest),
      pause: true,
      exec: true,
      update: true,
    };
  }

  async prepare(
    request: CreateRequest,
    bundle: Bundle,
    folder: ContainerFolder,
    cgroups: readonly string[],
  ): Promise<PreparedMounts> {
    const { id } = request;
    const spec = checkSpec(id, bundle.spec);
    const root = rootDisks(id, request.rootfs, this.config.disk_slots);
    const shared = path.join(folder.directory, 'shared');
    const { trees, others } = sharedTrees(request.attachments, spec.mounts, shared);
    const virtiofsd = trees.length === 0 ? undefined : virtiofsdFor(id, this.config);
    const inGuest = guestSpec({ id, bundle: bundle.directory, spec, root: root.path, trees });
    const { guest, acceleration } = await this.host();
    throwIfAborted(`creating container "${id}"`, request.signal);
    const resources = spec.linux.resources ?? {};
    const size = machineSize(id, resources, this.config, { cpus: os.availableParallelism(), memoryBytes: os.totalmem() });
    const { accel } = acceleration;
    const network = await guestNetwork(request, spec);
    const userFor = (directory: string) =>
      machineUser(path.join(this.dirs.state, 'users'), directory, this.config.first_uid, accel);
    const settings: MachineSettings = {
      name: id,
      ...size,
      accel,
      kernel: guest.kernel,
      initrd: guest.initrd,
      kernelArgs: kernelArgs(accel, this.config.kernel_params),
      disks: root.disks,
      share: virtiofsd === undefined ? undefined : { tag: shareTag, directory: shared, virtiofsd },
      interfaces: network.interfaces,
      user: await userFor(folder.directory),
    };
    const bootLimitMs = (this.config.boot_limit ?? bootLimits[accel]) * 1000;
    const boot: readonly PlanStep[] = [...this.vmm.start(settings, folder.directory), ['hello'], ['clock'], ['random']];
    const wish = { settings, guest, container: folder.directory, bootLimitMs, userFor };
    const machine = (await this.templates?.steps(wish, boot)) ?? boot;
    const plan = encodePlan([
      ...hostCgroupSteps(cgroups, { id, size, overheadMiB: this.config.vmm_overhead, resources }),
      ['boot-limit', String(bootLimitMs)],
      ...machine,
      ...network.calls,
      ...containerCalls(id, inGuest, [...root.storages, ...(trees.length === 0 ? [] : [shareStorage])]),
    ]);
    writeFileSync(path.join(folder.directory, 'vm.plan'), plan, { mode: 0o600 });
    writeMachineRecord(folder.directory, { ...size, accel, image: guest.key });
    return attachedTrees(shared, trees, others);
  }

  async created({ directory }: ContainerFolder): Promise<void> {
    await this.templates?.created(directory);
  }

  machineOf({ directory }: ContainerFolder): MachineState | undefined {
    const record = readMachineRecord(directory);
    if (record === undefined) return undefined;
    const { accel, memoryMiB, cpus } = record;
    return { accel, hardware: accel === 'kvm', memoryMiB, cpus };
  }

  prepareProcess({ id }: ContainerFolder, file: string, process: object): void {
    writeFileSync(`${file}.pb`, processRequest(id, checkProcess(id, process)), { mode: 0o600 });
  }

  prepareUpdate({ id, directory }: ContainerFolder, file: string, resources: RuntimeResources): void {
    const size = readMachineRecord(directory);
    if (size !== undefined) checkUpdate(id, resources, size, this.config);
    writeFileSync(`${file}.pb`, updateRequest(id, resources), { mode: 0o600 });
  }

  async stats({ id, toolState }: ContainerFolder): Promise<RuntimeStats> {
    return await guestStats(id, toolState);
  }

  standing(pids: readonly number[]): readonly number[] {
    return pids.filter(isShim);
  }

  /** What machines boot, and on what: found once in this process, unless it failed, or somebody has removed the image since. */
  private async host() {
    const known = await this.found?.catch(() => undefined);
    if (known !== undefined && existsSync(known.guest.initrd)) return known;
    const found = this.findHost();
    found.catch(() => {});
    this.found = found;
    return await found;
  }

  private async findHost() {
    const { config, dirs, vmm, shim, log } = this;
    const used = () => imagesInUse(path.join(dirs.state, 'containers'));
    const guest = await guestFiles(config, dirs.root, used);
    const { accel, require_hardware: requireHardware, first_uid: firstUid } = config;
    const settings = { accel, requireHardware, firstUid, shim, folder: dirs.state };
    return { guest, acceleration: await findAcceleration(vmm, guest, settings, log) };
  }
}
