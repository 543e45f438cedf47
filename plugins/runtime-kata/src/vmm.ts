import type { MachineSettings, TemplateFiles } from './machine-settings.js';
import type { PlanStep } from './plan.js';

/** What makes machines: QEMU now; Cloud Hypervisor and Firecracker fit behind it as well. It starts nothing: it says what the shim has to do. */
export interface Vmm {
  /** Errors: `failed-precondition` when it is not there. */
  check(): void;
  /** `QEMU 7.2.22`. Errors: `failed-precondition` when it does not work. */
  version(): Promise<string>;
  /** Changes whenever another answer to "does KVM work" is possible. */
  identity(): Promise<string>;
  /**
   * Steps that open what the machine needs and start it; the agent's channel is the shim's. `folder`: the container's own, where files that describe the machine may be written.
   * Errors: `unimplemented` for what it cannot make.
   */
  start(settings: MachineSettings, folder: string): readonly PlanStep[];
  /** Steps that boot a machine as far as its agent and keep it in the files, which are there, the memory with its size. What it has of disks are places of them. */
  makeTemplate(settings: MachineSettings, files: TemplateFiles, folder: string): readonly PlanStep[];
  /** Whether clones can begin with a memory that may only be read. */
  clonesSealed(): Promise<boolean>;
  /** Steps in the place of {@link start}, after which the agent answers. The machine is that of the template but for name, user and the files of its disks. */
  clone(settings: MachineSettings, files: TemplateFiles, folder: string): readonly PlanStep[];
}
