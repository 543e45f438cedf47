import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type CgroupMount, hostMounts } from '@slipway/cgroups';
import { type RuntimeResources, SlipwayError, wrapError } from '@slipway/plugin-api';
import type { PlanStep } from './plan.js';
import { cannot } from './refusal.js';
import type { MachineSize } from './sizing.js';

const MiB = 1024 * 1024;
/** QEMU has a thread for each processor and each 64 of its disks' requests, virtiofsd those of its pool. */
const maxProcesses = 1024;

/** A cgroup of the host in one hierarchy. */
interface Place {
  readonly directory: string;
  readonly mount: CgroupMount;
}

export interface HostLimits {
  readonly id: string;
  readonly size: MachineSize;
  /** Of QEMU and its helpers, beside the machine's memory. */
  readonly overheadMiB: number;
  readonly resources: RuntimeResources;
}

/**
 * Steps that make the cgroups of a machine and set what all of it may use: its memory and what QEMU takes besides, whole processors (the exact share is kept in the guest, and a machine that boots
 * with a tenth of a processor would take a minute), its weight and set of processors. `directories`: those that do not exist yet, of which only the ones with such limits are made.
 */
export function hostCgroupSteps(directories: readonly string[], limits: HostLimits): readonly PlanStep[] {
  const places = placesOf(directories);
  const writes = limitSteps(places, limits);
  const used = places.filter(
    ({ directory, mount }) => mount.unified || writes.some(([, file]) => file?.startsWith(`${directory}/`)),
  );
  if (!used.some(({ mount }) => mount.unified || mount.controllers.includes('memory'))) throw taken(limits.id, directories);
  for (const place of used) prepareParents(place);
  return [...used.map(({ directory }): PlanStep => ['cgroup', directory]), ...writes];
}

/** What lifts a limit that there was: the only one that can be absent later. */
const noSwapLimit: ReadonlyMap<string, string> = new Map([
  ['memory.swap.max', 'max'],
  ['memory.memsw.limit_in_bytes', '-1'],
]);

/**
 * The limits of {@link hostCgroupSteps} for cgroups that are there, when the machine is to have others. `before`: files that have had some. Errors: `unimplemented` for one that they cannot keep.
 */
export function hostLimitSteps(
  directories: readonly string[],
  limits: HostLimits,
  before: readonly string[],
): readonly PlanStep[] {
  const wanted = limitSteps(placesOf(directories), limits);
  const lifted = before
    .filter((file) => !wanted.some(([, other]) => other === file))
    .flatMap((file): PlanStep[] => {
      const none = noSwapLimit.get(path.basename(file));
      return none === undefined ? [] : [['write', file, none]];
    });
  const steps = [...wanted, ...lifted];
  const { cpus, mems } = limits.resources.cpu ?? {};
  if ((cpus ?? mems) !== undefined && !steps.some(([, file]) => path.basename(String(file)) === 'cpuset.cpus'))
    throw cannot(
      limits.id,
      'its machine was made without a set of processors of its own, and a control group of v1 cannot be given one later',
      'stop the container and start it again with these limits',
    );
  return steps;
}

function placesOf(directories: readonly string[]): readonly Place[] {
  const mounts = hostMounts();
  return directories.flatMap((directory) => placeOf(directory, mounts) ?? []);
}

function limitSteps(places: readonly Place[], limits: HostLimits): readonly PlanStep[] {
  return places.flatMap(({ directory, mount }) =>
    (mount.unified ? unifiedLimits(limits) : legacyLimits(limits, mount.controllers, directory)).map(
      ([file, text]): PlanStep => ['write', path.join(directory, file), text],
    ),
  );
}

/** The unified hierarchy counts only where it is the only one: beside those of v1 it has no controllers. */
function placeOf(directory: string, mounts: readonly CgroupMount[]): Place | undefined {
  const isHybrid = mounts.some(({ unified }) => !unified);
  const mount = mounts.find(({ mountPoint }) => directory.startsWith(`${mountPoint}/`));
  return mount === undefined || (mount.unified && isHybrid) ? undefined : { directory, mount };
}

type Limit = readonly [file: string, text: string];

function memoryBytes({ size, overheadMiB }: HostLimits): number {
  return (size.memoryMiB + overheadMiB) * MiB;
}

/** Memory and swap together say in the container's terms how much of it may be swapped out. */
function swapBytes({ resources: { memory } }: HostLimits): number | undefined {
  const { limit = -1, swap = -1 } = memory ?? {};
  return limit <= 0 || swap < 0 ? undefined : Math.max(0, swap - limit);
}

function unifiedLimits(limits: HostLimits): readonly Limit[] {
  const { size, resources } = limits;
  const swap = swapBytes(limits);
  const { shares, cpus, mems } = resources.cpu ?? {};
  return [
    ['memory.max', String(memoryBytes(limits))],
    ...(swap === undefined ? [] : [['memory.swap.max', String(swap)] as const]),
    ['pids.max', String(maxProcesses)],
    ['cpu.max', `${size.cpus * 100_000} 100000`],
    // As runc and crun turn 2 to 262144 into 1 to 10000.
    ...(shares === undefined ? [] : [['cpu.weight', String(1 + Math.floor(((shares - 2) * 9999) / 262_142))] as const]),
    ...(cpus === undefined ? [] : [['cpuset.cpus', cpus] as const]),
    ...(mems === undefined ? [] : [['cpuset.mems', mems] as const]),
  ];
}

function legacyLimits(limits: HostLimits, controllers: readonly string[], directory: string): readonly Limit[] {
  const { size, resources } = limits;
  const found: Limit[] = [];
  const bytes = memoryBytes(limits);
  const swap = swapBytes(limits);
  if (controllers.includes('memory')) {
    found.push(['memory.limit_in_bytes', String(bytes)]);
    if (swap !== undefined) found.push(['memory.memsw.limit_in_bytes', String(bytes + swap)]);
    if (resources.memory?.swappiness !== undefined) found.push(['memory.swappiness', String(resources.memory.swappiness)]);
  }
  if (controllers.includes('pids')) found.push(['pids.max', String(maxProcesses)]);
  if (controllers.includes('cpu')) {
    found.push(['cpu.cfs_period_us', '100000'], ['cpu.cfs_quota_us', String(size.cpus * 100_000)]);
    if (resources.cpu?.shares !== undefined) found.push(['cpu.shares', String(resources.cpu.shares)]);
  }
  const { cpus, mems } = resources.cpu ?? {};
  if (controllers.includes('cpuset') && (cpus ?? mems) !== undefined) {
    // A new one has none, and takes no process before it has both.
    const parent = path.dirname(directory);
    found.push(
      ['cpuset.cpus', cpus ?? inherited(parent, 'cpuset.cpus')],
      ['cpuset.mems', mems ?? inherited(parent, 'cpuset.mems')],
    );
  }
  return found;
}

/** What is above the machine's own cgroup stays, and must let it have what it needs. */
function prepareParents({ directory, mount }: Place): void {
  const above: string[] = [];
  for (let folder = path.dirname(directory); folder.startsWith(mount.mountPoint); folder = path.dirname(folder))
    above.unshift(folder);
  try {
    for (const folder of above) {
      makeCgroup(folder);
      if (mount.unified) enableControllers(folder);
      if (mount.controllers.includes('cpuset'))
        for (const file of ['cpuset.cpus', 'cpuset.mems']) {
          const own = path.join(folder, file);
          if (readFileSync(own, 'utf8').trim() === '') writeFileSync(own, inherited(path.dirname(folder), file));
        }
    }
  } catch (error) {
    throw wrapError(`making the control group ${JSON.stringify(path.dirname(directory))}`, error);
  }
}

function makeCgroup(folder: string): void {
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
}

/** What this host lacks fails when its file is to be written, with the name of the file. */
function enableControllers(folder: string): void {
  const offered = readFileSync(path.join(folder, 'cgroup.controllers'), 'utf8').trim().split(' ');
  const wanted = ['memory', 'pids', 'cpu', 'cpuset'].filter((name) => offered.includes(name));
  writeFileSync(path.join(folder, 'cgroup.subtree_control'), wanted.map((name) => `+${name}`).join(' '));
}

function inherited(folder: string, file: string): string {
  const text = existsSync(folder) ? readFileSync(path.join(folder, file), 'utf8').trim() : '';
  return text === '' ? inherited(path.dirname(folder), file) : text;
}

function taken(id: string, directories: readonly string[]): SlipwayError {
  const exists = hostMounts().some(({ unified, controllers }) => unified || controllers.includes('memory'));
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CGROUP_TAKEN',
    message: `container "${id}": its control group for memory ${exists ? 'exists already' : 'cannot be made: this host has none'}`,
    hint: exists ? 'remove the control group that is left over' : 'mount the controller memory',
    details: { id, directories },
  });
}
