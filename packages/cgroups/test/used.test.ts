import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cgroupOfProcess, isFrozen, parseNetDev, readNetwork, readPids, readStats } from '@slipway/cgroups';
import { expect, it } from 'vitest';
import { sample, v1, v1Used, v2, v2Used } from './samples.js';

it('reads what a cgroup of v1 has used', () => {
  using files = sample({ ...v1, ...v1Used });
  const { readAt, ...stats } = readStats(cgroupOfProcess(42, files.root));
  expect(Date.parse(readAt)).not.toBeNaN();
  expect(stats).toEqual({
    cpu: {
      usageNs: 7_000_000_000n,
      userNs: 5_000_000_000n,
      systemNs: 2_000_000_000n,
      throttledPeriods: 4n,
      throttledNs: 123_456n,
    },
    memory: { usageBytes: 5_000_000n, workingSetBytes: 4_000_000n, maxUsageBytes: 6_000_000n, swapBytes: 4096n, oomKills: 2n },
    pids: { current: 3n },
    io: { readBytes: 107n, writeBytes: 50n },
  });
});

it('reads what a cgroup of v2 has used', () => {
  using files = sample({ ...v2, ...v2Used });
  const { readAt: _, ...stats } = readStats(cgroupOfProcess(42, files.root));
  expect(stats).toEqual({
    cpu: {
      usageNs: 7_000_000_000n,
      userNs: 5_000_000_000n,
      systemNs: 2_000_000_000n,
      throttledPeriods: 4n,
      throttledNs: 123_000n,
    },
    memory: {
      usageBytes: 5_000_000n,
      workingSetBytes: 4_000_000n,
      limitBytes: 8_000_000n,
      maxUsageBytes: 6_000_000n,
      swapBytes: 4096n,
      oomKills: 2n,
    },
    pids: { current: 3n, limit: 10n },
    io: { readBytes: 107n, writeBytes: 50n },
  });
});

it('leaves out what a host does not count, and counts processes by itself', () => {
  using files = sample({ ...v2, ...v2Used });
  const at = (name: string): string => path.join(files.root, 'sys/fs/cgroup/system.slice/slipway-x.scope', name);
  for (const name of ['pids.current', 'pids.max', 'io.stat', 'memory.peak', 'memory.swap.current', 'memory.events'])
    rmSync(at(name));
  writeFileSync(at('cpu.stat'), 'usage_usec 5\nuser_usec 3\nsystem_usec 2\nbad\nnr_throttled x\n');
  writeFileSync(at('memory.max'), 'max\n');
  writeFileSync(at('memory.stat'), 'inactive_file 99999999999\n');
  const { readAt: _, ...stats } = readStats(cgroupOfProcess(42, files.root));
  expect(stats).toEqual({
    cpu: { usageNs: 5000n, userNs: 3000n, systemNs: 2000n },
    memory: { usageBytes: 5_000_000n, workingSetBytes: 0n, oomKills: 0n },
    pids: { current: 3n },
    io: { readBytes: 0n, writeBytes: 0n },
  });
});

it('tells a cgroup that is gone from a controller that is off', () => {
  using files = sample({ ...v2, ...v2Used });
  const cgroup = cgroupOfProcess(42, files.root);
  rmSync(path.join(files.root, 'sys/fs/cgroup/system.slice/slipway-x.scope/memory.current'));
  expect(() => readStats(cgroup)).toThrow(expect.objectContaining({ kind: 'failed-precondition', code: 'CONTROLLER_MISSING' }));
  rmSync(path.join(files.root, 'sys/fs/cgroup/system.slice/slipway-x.scope'), { recursive: true });
  expect(() => readStats(cgroup)).toThrow(expect.objectContaining({ kind: 'not-found', code: 'CGROUP_NOT_FOUND' }));
  expect(readPids(cgroup)).toEqual([]);
  expect(isFrozen(cgroup)).toBe(false);
});

it('finds every process in a cgroup and below it', () => {
  using one = sample({ ...v1, ...v1Used });
  expect(readPids(cgroupOfProcess(42, one.root))).toEqual([10, 11, 12]);
  using two = sample({ ...v2, ...v2Used });
  expect(readPids(cgroupOfProcess(42, two.root))).toEqual([20, 21, 22]);
  expect(readPids({ directories: {} })).toEqual([]);
});

it('walks no more than 10,000 cgroups', () => {
  using files = sample({ ...v2, ...v2Used });
  const cgroup = cgroupOfProcess(42, files.root);
  for (let count = 0; count < 10_000; count++) mkdirSync(path.join(cgroup.directories[''] ?? '', `${count}`));
  expect(() => readPids(cgroup)).toThrow(expect.objectContaining({ kind: 'resource-exhausted', code: 'TOO_MANY_CGROUPS' }));
});

it('knows who is frozen', () => {
  using one = sample({ ...v1, ...v1Used });
  expect(isFrozen(cgroupOfProcess(42, one.root))).toBe(true);
  one.write({ 'sys/fs/cgroup/freezer/jobs/x/freezer.state': 'FREEZING\n' });
  expect(isFrozen(cgroupOfProcess(42, one.root))).toBe(true);
  using two = sample({ ...v2, ...v2Used });
  expect(isFrozen(cgroupOfProcess(42, two.root))).toBe(true);
  two.write({ 'sys/fs/cgroup/system.slice/slipway-x.scope/cgroup.events': 'populated 1\nfrozen 0\n' });
  expect(isFrozen(cgroupOfProcess(42, two.root))).toBe(false);
});

it('sums interfaces without loopback, whatever they are called', () => {
  const headings = 'Inter-|   Receive                                                |  Transmit\n face |bytes    packets\n';
  const lines = [
    '    lo: 1000 1 0 0 0 0 0 0 1000 1 0 0 0 0 0 0',
    '  eth0:12345 1 0 0 0 0 0 0 678 1 0 0 0 0 0 0',
    'a:b: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0',
    'broken: 1 2',
  ];
  expect(parseNetDev(headings + lines.join('\n'))).toEqual({ receivedBytes: 12_350n, sentBytes: 684n });
});

it('tells no network of a process that has ours, or has ended', () => {
  expect(readNetwork(process.pid)).toBeUndefined();
  expect(readNetwork(2 ** 30)).toBeUndefined();
});
