import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from '@slipway/plugin-api';
import { type GuestFiles, looksAtDisksLate } from '../guest-files.js';
import type { Disk, MachineSettings, MachineUser } from '../machine-settings.js';
import type { PlanStep } from '../plan.js';
import type { Vmm } from '../vmm.js';
import type { TemplateFolder } from './template-folder.js';

/** Numbers of disks that templates have. A machine takes the next one up that is there: images with few and many layers share them. */
const slotCounts = [4, 8, 16, 24] as const;
/** Milliseconds; a clone that takes longer does not come. */
const cloneLimitsMs = { kvm: 5_000, tcg: 30_000 } as const;
/** In the container's folder: why its machine was booted after all. */
const noteName = 'template.failed';

export interface TemplateWish {
  readonly settings: MachineSettings;
  readonly guest: GuestFiles;
  /** Folder of the container. */
  readonly container: string;
  readonly bootLimitMs: number;
  /** What a machine runs as whose files are in the folder. */
  readonly userFor: (folder: string) => Promise<MachineUser>;
}

/** Machines that begin where another one of the same kind had come as far as its agent. */
export class MachineTemplates {
  /** By container: what follows its creation. */
  private readonly due = new Map<string, () => Promise<void>>();

  constructor(
    private readonly vmm: Vmm,
    private readonly folder: TemplateFolder,
    private readonly shim: string,
    private readonly log: Logger,
  ) {}

  /**
   * Steps to an agent that answers, its clock and random pool renewed; `boot` are those without a template.
   * Where there is no template it is made after the creation, of which {@link created} has to be told.
   */
  async steps(
    { settings, guest, container, bootLimitMs, userFor }: TemplateWish,
    boot: readonly PlanStep[],
  ): Promise<readonly PlanStep[]> {
    const identity = await this.vmm.identity();
    const fitting = slotCounts
      .filter((slots) => slots >= settings.disks.length)
      .map((slots) => ({ slots, key: templateKey(settings, guest.key, identity, slots) }));
    const [smallest] = fitting;
    if (smallest === undefined || !isAlike(settings)) return boot;
    const { memoryMiB } = settings;
    const {
      slots,
      key,
      files: found,
    } = this.find(fitting, memoryMiB, await this.vmm.clonesSealed()) ?? { ...smallest, files: undefined };
    rmSync(path.join(container, noteName), { force: true });
    // Those whose creation failed.
    for (const known of this.due.keys()) if (!existsSync(known)) this.due.delete(known);
    if (found === undefined) {
      if (!looksAtDisksLate(guest)) return boot;
      this.due.set(container, () =>
        this.folder.make(key, memoryMiB, this.shim, async (files, folder) => [
          ['boot-limit', String(bootLimitMs)],
          ...this.vmm.makeTemplate(
            { ...settings, name: 'slipway-template', disks: withPlaces([], slots), user: await userFor(folder) },
            files,
            folder,
          ),
        ]),
      );
      return boot;
    }
    this.due.set(container, () => Promise.resolve(this.check(key, container)));
    const clone = this.vmm.clone({ ...settings, disks: withPlaces(settings.disks, slots) }, found, container);
    const tried: readonly PlanStep[] = [['boot-limit', String(cloneLimitsMs[settings.accel])], ...clone, ['clock'], ['random']];
    const instead: readonly PlanStep[] = [['boot-limit', String(bootLimitMs)], ...boot];
    return [['either', String(tried.length), String(instead.length), noteName], ...tried, ...instead];
  }

  /** Has made what the next machine begins with, or throws away what this one could not. */
  async created(container: string): Promise<void> {
    const due = this.due.get(container);
    this.due.delete(container);
    try {
      await due?.();
    } catch (error) {
      this.log.warn('no template of machines can be made', { reason: String(error) });
    }
  }

  private find(fitting: readonly { readonly slots: number; readonly key: string }[], memoryMiB: number, sealed: boolean) {
    for (const each of fitting) {
      const files = this.folder.find(each.key, memoryMiB, sealed);
      if (files !== undefined) return { ...each, files };
    }
    return undefined;
  }

  private check(key: string, container: string): void {
    const reason = noteIn(container);
    if (reason === undefined) return;
    this.log.warn('a machine could not be cloned from its template, which is thrown away; it was booted', { reason });
    this.folder.discard(key);
  }
}

/** All that a template and its clones must have in common. `guest`: the key of kernel and initrd, and so of the agent; `vmm`: of what makes the machines. */
export function templateKey(
  { memoryMiB, cpus, accel, kernelArgs }: MachineSettings,
  guest: string,
  vmm: string,
  slots: number,
): string {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const parts = [bootId, guest, vmm, memoryMiB, cpus, accel, slots, ...kernelArgs];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** Shared memory is none that begins as a private copy; the hardware addresses of interfaces are kept in a template. */
function isAlike({ share, interfaces }: MachineSettings): boolean {
  return share === undefined && interfaces.length === 0;
}

function withPlaces(disks: readonly Disk[], slots: number): readonly Disk[] {
  const empty = (_: unknown, index: number): Disk => ({ serial: `slot${disks.length + index}`, files: [], readOnly: true });
  return [...disks, ...Array.from({ length: slots - disks.length }, empty)];
}

function noteIn(container: string): string | undefined {
  try {
    return readFileSync(path.join(container, noteName), 'utf8');
  } catch {
    return undefined;
  }
}
