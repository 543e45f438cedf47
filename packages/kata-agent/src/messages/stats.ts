import { map, message, messages, one } from '../wire/fields.js';

/* What a container has used, with the numbers of Kata Containers' agent.proto. */

export const StatsContainerRequest = {
  containerId: one(1, 'string'),
} as const;

/** Nanoseconds. */
export const CpuUsage = {
  totalUsage: one(1, 'uint64'),
  usageInKernelmode: one(3, 'uint64'),
  usageInUsermode: one(4, 'uint64'),
} as const;

export const ThrottlingData = {
  periods: one(1, 'uint64'),
  throttledPeriods: one(2, 'uint64'),
  throttledTime: one(3, 'uint64'),
} as const;

export const CpuStats = {
  cpuUsage: message(1, CpuUsage),
  throttlingData: message(2, ThrottlingData),
} as const;

/** Bytes. */
export const MemoryData = {
  usage: one(1, 'uint64'),
  maxUsage: one(2, 'uint64'),
  failcnt: one(3, 'uint64'),
  limit: one(4, 'uint64'),
} as const;

export const MemoryStats = {
  cache: one(1, 'uint64'),
  usage: message(2, MemoryData),
  swapUsage: message(3, MemoryData),
  /** The lines of memory.stat, and `oom_kill` of memory.events. */
  stats: map(6, 'uint64'),
} as const;

export const PidsStats = {
  current: one(1, 'uint64'),
  limit: one(2, 'uint64'),
} as const;

export const BlkioStatsEntry = {
  major: one(1, 'uint64'),
  minor: one(2, 'uint64'),
  /** `read` or `write`, in any case. */
  op: one(3, 'string'),
  value: one(4, 'uint64'),
} as const;

export const BlkioStats = {
  ioServiceBytesRecursive: messages(1, BlkioStatsEntry),
  ioServicedRecursive: messages(2, BlkioStatsEntry),
} as const;

export const CgroupStats = {
  cpuStats: message(1, CpuStats),
  memoryStats: message(2, MemoryStats),
  pidsStats: message(3, PidsStats),
  blkioStats: message(4, BlkioStats),
} as const;

export const NetworkStats = {
  name: one(1, 'string'),
  rxBytes: one(2, 'uint64'),
  txBytes: one(6, 'uint64'),
} as const;

export const StatsContainerResponse = {
  cgroupStats: message(1, CgroupStats),
  networkStats: messages(2, NetworkStats),
} as const;
