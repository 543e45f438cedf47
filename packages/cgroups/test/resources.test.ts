import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type CgroupHost, cgroupsPathOf, driverOfPath, parseScope, pathInHierarchy, resourcesOf } from '@slipway/cgroups';
import type { ResourceLimits } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';

const MiB = 1024 * 1024;
const v1: CgroupHost = {
  version: 'v1',
  controllers: new Set(['memory', 'cpu', 'cpuacct', 'cpuset', 'pids', 'blkio']),
  mounts: [],
  systemd: false,
  swapAccounting: true,
  ioWeight: true,
  ioWeightDevice: true,
  ioThrottle: true,
  cpus: [0, 1, 2, 3, 6],
  memoryNodes: [0],
};
const v2: CgroupHost = { ...v1, version: 'v2', controllers: new Set(['memory', 'cpu', 'cpuset', 'pids', 'io']) };
const bare: CgroupHost = {
  ...v1,
  controllers: new Set(),
  swapAccounting: false,
  ioWeight: false,
  ioWeightDevice: false,
  ioThrottle: false,
};

it.each<[ResourceLimits, object]>([
  [{}, {}],
  [{ memory: 64 * MiB }, { memory: { limit: 64 * MiB, swap: 128 * MiB } }],
  [{ memory: 64 * MiB, memorySwap: 64 * MiB }, { memory: { limit: 64 * MiB, swap: 64 * MiB } }],
  [{ memory: 64 * MiB, memorySwap: -1 }, { memory: { limit: 64 * MiB, swap: -1 } }],
  [{ memory: -1 }, { memory: { limit: -1, swap: -1 } }],
  [{ memoryReservation: 6 * MiB }, { memory: { reservation: 6 * MiB } }],
  [{ memory: 8 * MiB, memoryReservation: 6 * MiB }, { memory: { limit: 8 * MiB, reservation: 6 * MiB, swap: 16 * MiB } }],
  [{ cpus: 1.5 }, { cpu: { quota: 150_000, period: 100_000 } }],
  [{ cpus: 0 }, { cpu: { quota: -1, period: 100_000 } }],
  [{ cpuQuota: -1 }, { cpu: { quota: -1 } }],
  [{ cpuQuota: 5000, cpuPeriod: 10_000, cpuShares: 2 }, { cpu: { shares: 2, quota: 5000, period: 10_000 } }],
  [{ cpuset: '0-2,6', cpusetMems: '0' }, { cpu: { cpus: '0-2,6', mems: '0' } }],
  [{ pids: 100 }, { pids: { limit: 100 } }],
  [{ pids: 0 }, { pids: { limit: -1 } }],
  [{ pids: -1 }, { pids: { limit: -1 } }],
  [{ ioWeight: 10 }, { blockIO: { weight: 10 } }],
  [{ ioDevices: [] }, {}],
])('%j is %j', (limits, resources) => {
  expect(resourcesOf(limits, v1)).toEqual(resources);
  expect(resourcesOf(limits, v2)).toEqual(resources);
});

it('says nothing of swap where it is not counted and nothing was asked', () => {
  expect(resourcesOf({ memory: 64 * MiB }, { ...v2, swapAccounting: false })).toEqual({ memory: { limit: 64 * MiB } });
});

it('has swappiness and no killing on v1', () => {
  const memory = { limit: 64 * MiB, swap: 128 * MiB, swappiness: 0, disableOOMKiller: true };
  expect(resourcesOf({ memory: 64 * MiB, memorySwappiness: 0, oomKillDisable: true }, v1)).toEqual({ memory });
});

const bad: ResourceLimits[] = [
  { memory: 6 * MiB - 1 },
  { memory: 1.5 * MiB + 0.5 },
  { memory: 2 ** 60 },
  { memory: Number.NaN },
  { memory: -2 },
  { memorySwap: 64 * MiB },
  { memory: 64 * MiB, memorySwap: 63 * MiB },
  { memory: 64 * MiB, memoryReservation: 65 * MiB },
  { memorySwappiness: 101 },
  { oomKillDisable: true },
  { cpus: 0.001 },
  { cpus: 5.01 },
  { cpus: Number.POSITIVE_INFINITY },
  { cpus: 1, cpuPeriod: 1000 },
  { cpuPeriod: 999 },
  { cpuPeriod: 1_000_001 },
  { cpuQuota: 999 },
  { cpuShares: 1 },
  { cpuShares: 262_145 },
  { cpuset: '4' },
  { cpuset: '' },
  { cpuset: '0-' },
  { cpusetMems: '1' },
  { pids: -2 },
  { pids: 1.5 },
  { ioWeight: 9 },
  { ioWeight: 1001 },
];

it.each(bad)('%j is refused, with its name', (limits) => {
  const names = Object.keys(limits);
  expect(() => resourcesOf(limits, v1)).toThrow(
    expect.objectContaining({
      kind: 'invalid-argument',
      code: 'LIMIT_INVALID',
      details: expect.objectContaining({ limit: expect.toBeOneOf(names) }),
    }),
  );
});

const missing: [ResourceLimits, CgroupHost][] = [
  [{ memory: 64 * MiB }, bare],
  [{ memoryReservation: 64 * MiB }, bare],
  [
    { memory: 64 * MiB, memorySwap: -1 },
    { ...v1, swapAccounting: false },
  ],
  [{ memorySwappiness: 1 }, v2],
  [{ memory: 64 * MiB, oomKillDisable: true }, v2],
  [{ cpus: 1 }, bare],
  [{ cpuShares: 2 }, bare],
  [{ cpuset: '0' }, bare],
  [{ pids: 1 }, bare],
  [{ ioWeight: 10 }, bare],
];

it.each(missing)('%j cannot be set there, which is said', (limits, host) => {
  expect(() => resourcesOf(limits, host)).toThrow(
    expect.objectContaining({ kind: 'unimplemented', code: 'LIMIT_NOT_SUPPORTED' }),
  );
});

it('refuses what is no whole disk', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-cgroups-'));
  try {
    const file = path.join(folder, 'file');
    writeFileSync(file, '');
    for (const name of [file, folder, '/dev/null', 'vda', '/dev/x\0y'])
      expect(() => resourcesOf({ ioDevices: [{ path: name, readBps: 1 }] }, v1)).toThrow(
        expect.objectContaining({ code: 'NOT_A_DISK' }),
      );
    expect(() => resourcesOf({ ioDevices: [{ path: path.join(folder, 'none'), readBps: 1 }] }, v1)).toThrow(
      expect.objectContaining({ kind: 'not-found' }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('where a cgroup is', () => {
  it('is a path, or a scope in a slice, as the driver or the form of the parent says', () => {
    expect(cgroupsPathOf('cgroupfs', 'x')).toBe('/slipway/x');
    expect(cgroupsPathOf('cgroupfs', 'x', '/jobs/night')).toBe('/jobs/night/x');
    expect(cgroupsPathOf('systemd', 'x')).toBe('system.slice:slipway:x');
    expect(cgroupsPathOf('systemd', 'x', '/jobs')).toBe('/jobs/x');
    expect(cgroupsPathOf('cgroupfs', 'x', 'jobs-night.slice')).toBe('jobs-night.slice:slipway:x');
  });

  it('is found again from what config.json has', () => {
    expect(pathInHierarchy('/jobs/x')).toBe('/jobs/x');
    expect(pathInHierarchy('jobs-night.slice:slipway:x')).toBe('/jobs.slice/jobs-night.slice/slipway-x.scope');
    expect(parseScope('system.slice:slipway:x')).toEqual({ slice: 'system.slice', scope: 'slipway-x.scope' });
    expect(['/a/b', 'a', '/a:b:c', 'a.slice:b:c', 'a:b:c:d'].map(driverOfPath)).toEqual([
      'cgroupfs',
      'cgroupfs',
      'cgroupfs',
      'systemd',
      'cgroupfs',
    ]);
  });

  it.each([
    '',
    '/',
    'jobs',
    '/a/../b',
    '/a//b',
    '/a/',
    '/a:b',
    '/a b',
    '/a\nb',
    '/a\0b',
    '-a.slice',
    'a-.slice',
    'a--b.slice',
    'a/b.slice',
    '.slice',
    `/${'x'.repeat(256)}`,
    `/${'x/'.repeat(600)}x`,
  ])('below %j is refused', (parent) => {
    expect(() => cgroupsPathOf('cgroupfs', 'x', parent)).toThrow(
      expect.objectContaining({ kind: 'invalid-argument', code: 'CGROUP_PARENT_INVALID' }),
    );
  });
});
