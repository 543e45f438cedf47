import { expect, it } from 'vitest';
import { changedLimits } from '../../dist/containers/merge-limits.js';

it.each([
  [
    { memory: 1, pids: 2 },
    { memory: 3, pids: undefined },
    { memory: 3, pids: 2 },
  ],
  [{ cpus: 1 }, { cpuQuota: 5000 }, { cpuQuota: 5000 }],
  [{ cpuQuota: 5000, cpuPeriod: 10_000, cpuShares: 2 }, { cpus: 1 }, { cpus: 1, cpuShares: 2 }],
  [{ cpuPeriod: 10_000 }, { cpuQuota: 5000 }, { cpuPeriod: 10_000, cpuQuota: 5000 }],
  [{}, { ioDevices: [] }, { ioDevices: [] }],
  [
    {
      ioDevices: [
        { path: '/dev/a', readBps: 1, weight: 10 },
        { path: '/dev/b', writeBps: 2 },
      ],
    },
    {
      ioDevices: [
        { path: '/dev/a', readBps: 3 },
        { path: '/dev/c', readIops: 4 },
      ],
    },
    {
      ioDevices: [
        { path: '/dev/a', readBps: 3, weight: 10 },
        { path: '/dev/b', writeBps: 2 },
        { path: '/dev/c', readIops: 4 },
      ],
    },
  ],
])('%j with %j is %j', (limits, changes, expected) => {
  const kept = changedLimits(limits, changes);
  expect(JSON.parse(JSON.stringify(kept))).toEqual(expected);
});
