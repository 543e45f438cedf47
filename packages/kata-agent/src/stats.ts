import type { RuntimeStats } from '@slipway/plugin-api';
import type { StatsContainerResponse } from './messages/stats.js';
import type { Values } from './wire/fields.js';

/** What an agent says for no limit; so does 0. */
const noLimit = 2n ** 64n - 1n;

/** What a guest says of its container, read at that time (RFC 3339). Anything that it leaves out is zero. */
export function statsOf({ cgroupStats, networkStats }: Values<typeof StatsContainerResponse>, readAt: string): RuntimeStats {
  const { cpuStats, memoryStats, pidsStats, blkioStats } = cgroupStats ?? {};
  const memory = memoryStats?.usage;
  const usage = memory?.usage ?? 0n;
  const inactive = memoryStats?.stats.get('inactive_file') ?? 0n;
  const limit = limitOf(memory?.limit);
  const pidsLimit = limitOf(pidsStats?.limit);
  const transferred = (operation: string): bigint =>
    sum(blkioStats?.ioServiceBytesRecursive.filter(({ op }) => op.toLowerCase() === operation).map(({ value }) => value));
  const interfaces = networkStats.filter(({ name }) => name !== 'lo');
  const network = {
    receivedBytes: sum(interfaces.map(({ rxBytes }) => rxBytes)),
    sentBytes: sum(interfaces.map(({ txBytes }) => txBytes)),
  };
  return {
    readAt,
    cpu: {
      usageNs: cpuStats?.cpuUsage?.totalUsage ?? 0n,
      userNs: cpuStats?.cpuUsage?.usageInUsermode ?? 0n,
      systemNs: cpuStats?.cpuUsage?.usageInKernelmode ?? 0n,
      throttledPeriods: cpuStats?.throttlingData?.throttledPeriods ?? 0n,
      throttledNs: cpuStats?.throttlingData?.throttledTime ?? 0n,
    },
    memory: {
      usageBytes: usage,
      workingSetBytes: inactive < usage ? usage - inactive : 0n,
      ...(limit === undefined ? {} : { limitBytes: limit }),
      ...(memory === undefined || memory.maxUsage === 0n ? {} : { maxUsageBytes: memory.maxUsage }),
      ...(memoryStats?.swapUsage === undefined ? {} : { swapBytes: memoryStats.swapUsage.usage }),
      oomKills: memoryStats?.stats.get('oom_kill') ?? 0n,
    },
    pids: { current: pidsStats?.current ?? 0n, ...(pidsLimit === undefined ? {} : { limit: pidsLimit }) },
    io: { readBytes: transferred('read'), writeBytes: transferred('write') },
    ...(interfaces.length === 0 ? {} : { network }),
  };
}

function limitOf(limit: bigint | undefined): bigint | undefined {
  return limit === 0n || limit === noLimit ? undefined : limit;
}

function sum(values: readonly bigint[] = []): bigint {
  return values.reduce((total, value) => total + value, 0n);
}
