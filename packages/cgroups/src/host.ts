import { type Dirent, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';
import { parseCpuList } from './cpu-list.js';
import { readKernelFile } from './kernel-file.js';
import { type CgroupMount, parseMountinfo } from './mountinfo.js';

/** What this host's control groups are and can do, measured. */
export interface CgroupHost {
  /** `hybrid`: the controllers are on hierarchies of v1, and a unified hierarchy without them is mounted beside. */
  readonly version: 'v1' | 'hybrid' | 'v2';
  /** Those that can be used: `memory`, `cpu`, `cpuset`, `pids`, `io` (v1: `blkio`), ... */
  readonly controllers: ReadonlySet<string>;
  readonly mounts: readonly CgroupMount[];
  /** systemd runs this host: its cgroups are its own, and it makes those that others ask it for. */
  readonly systemd: boolean;
  /** Swap can be limited. */
  readonly swapAccounting: boolean;
  /** Shares of a disk can be set, for each cgroup; and for each disk. */
  readonly ioWeight: boolean;
  readonly ioWeightDevice: boolean;
  readonly ioThrottle: boolean;
  /** Numbers of the processors and memory nodes that a container may be given. */
  readonly cpus: readonly number[];
  readonly memoryNodes: readonly number[];
}

/** `root`: where `proc` and `sys` are. Errors: `failed-precondition` when no control groups are mounted. */
export function readCgroupHost(root = '/'): CgroupHost {
  const at = (file: string): string => path.join(root, file);
  const mounts = hostMounts(root);
  const unified = mounts.find((mount) => mount.unified);
  const legacy = mounts.filter((mount) => mount.controllers.some((name) => !name.startsWith('name=')));
  if (legacy.length === 0 && unified === undefined)
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'NO_CGROUPS',
      message: 'No control groups are mounted on this host',
      hint: 'mount them, as in: mount -t cgroup2 cgroup2 /sys/fs/cgroup',
    });
  const version = legacy.length === 0 && unified !== undefined ? 'v2' : unified === undefined ? 'v1' : 'hybrid';
  const directory = (name: string): string | undefined =>
    version === 'v2' ? unified?.mountPoint : legacy.find((mount) => mount.controllers.includes(name))?.mountPoint;
  const controllers =
    version === 'v2'
      ? words(at(path.join(unified?.mountPoint ?? '', 'cgroup.controllers')))
      : legacy.flatMap((mount) => mount.controllers);
  const files = (controller: string): ReadonlySet<string> => {
    const where = directory(controller);
    return where === undefined || !controllers.includes(controller) ? new Set<string>() : controlFiles(at(where));
  };
  const memory = files('memory');
  const io = files(version === 'v2' ? 'io' : 'blkio');
  const bfq = io.has('io.bfq.weight') || io.has('blkio.bfq.weight') || (io.size > 0 && existsSync(at('sys/module/bfq')));
  return {
    version,
    controllers: new Set(controllers),
    mounts,
    systemd: existsSync(at('run/systemd/system')),
    swapAccounting: version === 'v2' ? offers(memory, 'memory.swap.max') : memory.has('memory.memsw.limit_in_bytes'),
    ioWeight: bfq || io.has('io.weight') || io.has('blkio.weight') || io.has('io.cost.qos'),
    // On v2 the runtimes set the weight of a single disk by bfq alone.
    ioWeightDevice: bfq || io.has('blkio.weight_device'),
    ioThrottle: version === 'v2' ? offers(io, 'io.max') : io.has('blkio.throttle.read_bps_device'),
    cpus: numbers(at('sys/devices/system/cpu/online')),
    memoryNodes: numbers(at('sys/devices/system/node/has_memory')),
  };
}

/** The hierarchies as this process sees them. Errors: as {@link readCgroupHost}. */
export function hostMounts(root = '/'): readonly CgroupMount[] {
  try {
    return parseMountinfo(readFileSync(path.join(root, 'proc/self/mountinfo'), 'utf8'));
  } catch (error) {
    throw wrapError('Reading which control groups are mounted', error);
  }
}

/** How many cgroups below the root are looked at: whatever has the controller has all of its files. */
const maxChildren = 64;

/** Files of the root and of its children, for the root lacks those that would limit it. */
function controlFiles(directory: string): ReadonlySet<string> {
  const found = new Set<string>();
  const children: string[] = [];
  for (const entry of entries(directory)) {
    if (entry.isDirectory()) children.push(path.join(directory, entry.name));
    else found.add(entry.name);
  }
  for (const child of children.slice(0, maxChildren))
    for (const entry of entries(child)) if (entry.isFile()) found.add(entry.name);
  return found;
}

function entries(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENODEV')) return [];
    throw wrapError(`Reading the control groups in ${JSON.stringify(directory)}`, error);
  }
}

/** On v2 no child may have the controller yet. Then it is taken to be whole: where it is not, the runtime fails and says so. */
function offers(files: ReadonlySet<string>, name: string): boolean {
  const limits = name.startsWith('memory.') ? 'memory.max' : 'io.max';
  return files.has(name) || (files.size > 0 && !files.has(limits));
}

function words(file: string): string[] {
  return (readKernelFile(file) ?? '').split(/\s+/).filter((word) => word !== '');
}

/** A kernel without memory nodes has the one. */
function numbers(file: string): readonly number[] {
  return parseCpuList(readKernelFile(file) ?? '0') ?? [0];
}
