import { decodeMessage, encodeMessage, type Init, StatsContainerResponse, statsOf } from '@slipway/kata-agent';
import { expect, it } from 'vitest';

const at = '2026-01-02T03:04:05.000Z';
const noLimit = 2n ** 64n - 1n;
const stats = (response: Init<typeof StatsContainerResponse>) =>
  statsOf(decodeMessage(StatsContainerResponse, encodeMessage(StatsContainerResponse, response)), at);

it('are those of the contract', () => {
  const read = stats({
    cgroupStats: {
      cpuStats: {
        cpuUsage: { totalUsage: 30n, usageInKernelmode: 10n, usageInUsermode: 20n },
        throttlingData: { periods: 5n, throttledPeriods: 2n, throttledTime: 7n },
      },
      memoryStats: {
        usage: { usage: 1000n, maxUsage: 2000n, limit: 4096n },
        swapUsage: { usage: 3n, limit: noLimit },
        stats: { inactive_file: 300n, oom_kill: 1n, anon: 5n },
      },
      pidsStats: { current: 4n, limit: 100n },
      blkioStats: {
        ioServiceBytesRecursive: [
          { major: 254, minor: 0, op: 'read', value: 10n },
          { major: 254, minor: 16, op: 'Read', value: 5n },
          { major: 254, minor: 16, op: 'write', value: 7n },
          { major: 254, minor: 16, op: 'total', value: 99n },
        ],
      },
    },
    networkStats: [
      { name: 'lo', rxBytes: 1000n, txBytes: 1000n },
      { name: 'eth0', rxBytes: 11n, txBytes: 12n },
      { name: 'eth1', rxBytes: 1n, txBytes: 2n },
    ],
  });
  expect(read).toEqual({
    readAt: at,
    cpu: { usageNs: 30n, userNs: 20n, systemNs: 10n, throttledPeriods: 2n, throttledNs: 7n },
    memory: { usageBytes: 1000n, workingSetBytes: 700n, limitBytes: 4096n, maxUsageBytes: 2000n, swapBytes: 3n, oomKills: 1n },
    pids: { current: 4n, limit: 100n },
    io: { readBytes: 15n, writeBytes: 7n },
    network: { receivedBytes: 12n, sentBytes: 14n },
  });
});

it('have no limit where the agent says the largest number, or none', () => {
  const read = stats({ cgroupStats: { memoryStats: { usage: { usage: 1n, limit: noLimit } }, pidsStats: { current: 1n } } });
  expect(read.memory).not.toHaveProperty('limitBytes');
  expect(read.pids).toEqual({ current: 1n });
});

it('are zeros where a guest says nothing, and never negative', () => {
  expect(stats({})).toMatchObject({
    cpu: { usageNs: 0n },
    memory: { usageBytes: 0n, workingSetBytes: 0n, oomKills: 0n },
    pids: { current: 0n },
    io: { readBytes: 0n, writeBytes: 0n },
  });
  expect(stats({})).not.toHaveProperty('network');
  const strange = stats({ cgroupStats: { memoryStats: { usage: { usage: 5n }, stats: { inactive_file: 6n } } } });
  expect(strange.memory.workingSetBytes).toBe(0n);
});
