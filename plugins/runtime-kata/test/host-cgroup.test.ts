import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { hostMounts } from '@slipway/cgroups';
import { afterEach, expect, test } from 'vitest';
import { hostCgroupSteps } from '../dist/host-cgroup.js';

const MiB = 1024 * 1024;
const parent = `slipway-kata-test-${process.pid}`;
const mounts = hostMounts();
const isV2 = mounts.every(({ unified }) => unified);
const directories = mounts.map(({ mountPoint }) => path.join(mountPoint, parent, 'c'));
const limits = { id: 'c', size: { memoryMiB: 100, cpus: 2 }, overheadMiB: 50, resources: {} };

afterEach(() => {
  for (const directory of directories) {
    const above = path.dirname(directory);
    if (!existsSync(above)) continue;
    for (const entry of readdirSync(above, { withFileTypes: true }))
      if (entry.isDirectory()) rmdirSync(path.join(above, entry.name));
    rmdirSync(above);
  }
});

function written(steps: ReturnType<typeof hostCgroupSteps>): Record<string, string | Uint8Array | undefined> {
  return Object.fromEntries(
    steps.flatMap(([verb, file = '', text]) => (verb === 'write' ? [[path.basename(String(file)), text]] : [])),
  );
}

test('the machine and what makes it are limited together, in every hierarchy that can', () => {
  const steps = hostCgroupSteps(directories, limits);
  const memory = String(150 * MiB);
  if (isV2) expect(written(steps)).toMatchObject({ 'memory.max': memory, 'cpu.max': '200000 100000', 'pids.max': '1024' });
  else
    expect(written(steps)).toMatchObject({
      'memory.limit_in_bytes': memory,
      'cpu.cfs_quota_us': '200000',
      'cpu.cfs_period_us': '100000',
      'pids.max': '1024',
    });
  const made = steps.flatMap(([verb, directory]) => (verb === 'cgroup' ? [directory] : []));
  // All are made before the first limit is set: the shim moves into them after the last.
  expect(steps.slice(0, made.length).every(([verb]) => verb === 'cgroup')).toBe(true);
  for (const directory of made) expect(existsSync(path.dirname(String(directory)))).toBe(true);
  for (const directory of made) expect(existsSync(String(directory))).toBe(false);
});

test('swap is what the container may have of it; shares and processors are set for the machine', () => {
  const resources = { memory: { limit: 64 * MiB, swap: 96 * MiB }, cpu: { shares: 512, cpus: '0' } };
  const found = written(hostCgroupSteps(directories, { ...limits, resources }));
  if (isV2) expect(found).toMatchObject({ 'memory.swap.max': String(32 * MiB), 'cpu.weight': '20', 'cpuset.cpus': '0' });
  else expect(found).toMatchObject({ 'memory.memsw.limit_in_bytes': String(182 * MiB), 'cpu.shares': '512', 'cpuset.cpus': '0' });
});

test('without a cgroup for memory there is no machine', () => {
  const others = directories.filter((directory) => !isV2 && !/\/memory\//.test(directory));
  mkdirSync(path.dirname(directories[0] ?? ''), { recursive: true });
  expect(() => hostCgroupSteps(others, limits)).toThrow(
    expect.objectContaining({ kind: 'failed-precondition', code: 'CGROUP_TAKEN' }),
  );
});
