import path from 'node:path';
import type { RuntimeStats } from '@slipway/plugin-api';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import { type Cgroup, directoryOf, isUnified } from './cgroup.js';
import { parseCount, parseKeyed, readKernelFile } from './kernel-file.js';
import { readPids } from './pids.js';

/**
 * What a cgroup has used, and what it may. Without the network, which is not the cgroup's (see readNetwork).
 * Errors: `not-found` when it is gone, `failed-precondition` when the host does not count processor time or memory.
 */
export function readStats(cgroup: Cgroup): RuntimeStats {
  try {
    const unified = isUnified(cgroup);
    return {
      readAt: new Date().toISOString(),
      cpu: unified ? unifiedCpu(cgroup) : legacyCpu(cgroup),
      memory: unified ? unifiedMemory(cgroup) : legacyMemory(cgroup),
      pids: pids(cgroup),
      io: unified ? unifiedIo(cgroup) : legacyIo(cgroup),
    };
  } catch (error) {
    throw wrapError(`Reading what control group ${JSON.stringify(Object.values(cgroup.directories)[0] ?? '')} has used`, error);
  }
}

function read(cgroup: Cgroup, controller: string, file: string): string | undefined {
  const directory = directoryOf(cgroup, controller);
  return directory === undefined ? undefined : readKernelFile(path.join(directory, file));
}

function count(cgroup: Cgroup, controller: string, file: string): bigint | undefined {
  return parseCount(read(cgroup, controller, file));
}

function unifiedCpu(cgroup: Cgroup): RuntimeStats['cpu'] {
  const stat = parseKeyed(need(cgroup, 'cpu', read(cgroup, 'cpu', 'cpu.stat')));
  const ns = (key: string): bigint => (stat.get(key) ?? 0n) * 1000n;
  return {
    usageNs: ns('usage_usec'),
    userNs: ns('user_usec'),
    systemNs: ns('system_usec'),
    // Only where the controller is on for this cgroup.
    ...(stat.has('nr_throttled') ? { throttledPeriods: stat.get('nr_throttled') ?? 0n, throttledNs: ns('throttled_usec') } : {}),
  };
}

/** Of cpuacct.stat: it tells in USER_HZ, which is 100 on every architecture that Node runs on. */
const nsOfTick = 10_000_000n;

function legacyCpu(cgroup: Cgroup): RuntimeStats['cpu'] {
  const usageNs = need(cgroup, 'cpuacct', count(cgroup, 'cpuacct', 'cpuacct.usage'));
  const ticks = parseKeyed(read(cgroup, 'cpuacct', 'cpuacct.stat'));
  const stat = parseKeyed(read(cgroup, 'cpu', 'cpu.stat'));
  return {
    usageNs,
    userNs: count(cgroup, 'cpuacct', 'cpuacct.usage_user') ?? (ticks.get('user') ?? 0n) * nsOfTick,
    systemNs: count(cgroup, 'cpuacct', 'cpuacct.usage_sys') ?? (ticks.get('system') ?? 0n) * nsOfTick,
    ...(stat.has('nr_throttled')
      ? { throttledPeriods: stat.get('nr_throttled') ?? 0n, throttledNs: stat.get('throttled_time') ?? 0n }
      : {}),
  };
}

function unifiedMemory(cgroup: Cgroup): RuntimeStats['memory'] {
  const usageBytes = need(cgroup, 'memory', count(cgroup, 'memory', 'memory.current'));
  return {
    usageBytes,
    workingSetBytes: without(usageBytes, parseKeyed(read(cgroup, 'memory', 'memory.stat')).get('inactive_file')),
    ...given('limitBytes', count(cgroup, 'memory', 'memory.max')),
    ...given('maxUsageBytes', count(cgroup, 'memory', 'memory.peak')),
    ...given('swapBytes', count(cgroup, 'memory', 'memory.swap.current')),
    oomKills: parseKeyed(read(cgroup, 'memory', 'memory.events')).get('oom_kill') ?? 0n,
  };
}

/** Without a limit v1 tells the largest number of whole pages that fits in a signed 64-bit number. */
const noLimit = 1n << 62n;

function legacyMemory(cgroup: Cgroup): RuntimeStats['memory'] {
  const usageBytes = need(cgroup, 'memory', count(cgroup, 'memory', 'memory.usage_in_bytes'));
  const stat = parseKeyed(read(cgroup, 'memory', 'memory.stat'));
  const limitBytes = count(cgroup, 'memory', 'memory.limit_in_bytes');
  return {
    usageBytes,
    workingSetBytes: without(usageBytes, stat.get('total_inactive_file')),
    ...given('limitBytes', limitBytes === undefined || limitBytes >= noLimit ? undefined : limitBytes),
    ...given('maxUsageBytes', count(cgroup, 'memory', 'memory.max_usage_in_bytes')),
    ...given('swapBytes', stat.get('total_swap')),
    oomKills: parseKeyed(read(cgroup, 'memory', 'memory.oom_control')).get('oom_kill') ?? 0n,
  };
}

/** The two numbers are read one after the other. */
function without(usage: bigint, inactive = 0n): bigint {
  return usage > inactive ? usage - inactive : 0n;
}

function pids(cgroup: Cgroup): RuntimeStats['pids'] {
  return {
    current: count(cgroup, 'pids', 'pids.current') ?? BigInt(readPids(cgroup).length),
    ...given('limit', count(cgroup, 'pids', 'pids.max')),
  };
}

/** Lines of `major:minor rbytes=N wbytes=N ...`. */
function unifiedIo(cgroup: Cgroup): RuntimeStats['io'] {
  const text = read(cgroup, 'io', 'io.stat') ?? '';
  return { readBytes: sum(text, / rbytes=(\d{1,20})(?=\s|$)/gm), writeBytes: sum(text, / wbytes=(\d{1,20})(?=\s|$)/gm) };
}

/** Lines of `major:minor Read N`. Those of bfq are of disks that have it, those of throttling of all. */
function legacyIo(cgroup: Cgroup): RuntimeStats['io'] {
  const names = [
    'blkio.throttle.io_service_bytes_recursive',
    'blkio.throttle.io_service_bytes',
    'blkio.io_service_bytes_recursive',
  ];
  const text = names.map((name) => read(cgroup, 'blkio', name)).find((found) => found !== undefined) ?? '';
  return { readBytes: sum(text, /^\d+:\d+ Read (\d{1,20})$/gm), writeBytes: sum(text, /^\d+:\d+ Write (\d{1,20})$/gm) };
}

function sum(text: string, pattern: RegExp): bigint {
  let total = 0n;
  for (const match of text.matchAll(pattern)) total += BigInt(match[1] ?? 0);
  return total;
}

function given<K extends string>(key: K, value: bigint | undefined): { readonly [name in K]?: bigint } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [name in K]?: bigint };
}

function need<T>(cgroup: Cgroup, controller: string, value: T | undefined): T {
  if (value !== undefined) return value;
  const directory = directoryOf(cgroup, controller);
  const gone = directory !== undefined && readKernelFile(path.join(directory, 'cgroup.procs')) === undefined;
  if (gone)
    throw new SlipwayError({
      kind: 'not-found',
      code: 'CGROUP_NOT_FOUND',
      message: `Control group ${JSON.stringify(directory)} is gone`,
    });
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTROLLER_MISSING',
    message: `This host's control groups have no controller ${JSON.stringify(controller)}`,
    hint: 'it may have been turned off on the command line of the kernel (cgroup_disable=)',
  });
}
