import { cgroupDriverOf, cgroupOfProcess, parseCpuList, parseMountinfo, parseProcCgroup, readCgroupHost } from '@slipway/cgroups';
import { expect, it } from 'vitest';
import { hybrid, sample, v1, v2 } from './samples.js';

it('knows v1 with systemd: controllers of several hierarchies, two of them in one', () => {
  using files = sample(v1);
  const host = readCgroupHost(files.root);
  expect(host).toMatchObject({
    version: 'v1',
    systemd: true,
    swapAccounting: true,
    ioThrottle: true,
    ioWeight: true,
    ioWeightDevice: true,
  });
  expect([...host.controllers].sort()).toEqual(['blkio', 'cpu', 'cpuacct', 'cpuset', 'freezer', 'memory', 'pids']);
  expect(host.cpus).toEqual([0, 1, 2, 3, 6]);
  expect(host.memoryNodes).toEqual([0]);
  expect(cgroupDriverOf(host)).toBe('cgroupfs');
});

it('knows the hybrid form by the unified hierarchy beside it', () => {
  using files = sample(hybrid);
  expect(readCgroupHost(files.root)).toMatchObject({ version: 'hybrid', swapAccounting: true });
});

it('knows v2, and what its children can do where the root has no such files', () => {
  using files = sample(v2);
  const host = readCgroupHost(files.root);
  expect(host).toMatchObject({ version: 'v2', swapAccounting: true, ioWeight: true, ioWeightDevice: false, ioThrottle: true });
  expect([...host.controllers]).toEqual(['cpuset', 'cpu', 'io', 'memory', 'pids']);
  expect(cgroupDriverOf(host)).toBe('systemd');
});

it('finds on v2 that swap is not counted, that disks cannot be limited, and that bfq is loaded', () => {
  const { 'sys/fs/cgroup/system.slice/memory.swap.max': _, 'sys/fs/cgroup/io.cost.qos': __, ...less } = v2;
  using files = sample({ ...less, 'sys/fs/cgroup/system.slice/io.bfq.weight': 'default 100\n' });
  expect(readCgroupHost(files.root)).toMatchObject({ swapAccounting: false, ioWeight: true, ioWeightDevice: true });
  files.write({ 'sys/fs/cgroup/cgroup.controllers': 'cpu memory\n' });
  expect(readCgroupHost(files.root)).toMatchObject({ ioWeight: false, ioWeightDevice: false, ioThrottle: false });
});

it('says so when there are none', () => {
  using files = sample({ 'proc/self/mountinfo': '22 1 254:1 / / rw - ext4 /dev/vda1 rw\n' });
  expect(() => readCgroupHost(files.root)).toThrow(expect.objectContaining({ kind: 'failed-precondition', code: 'NO_CGROUPS' }));
});

it('finds the cgroup of a process on each version', () => {
  using one = sample(v1);
  expect(cgroupOfProcess(42, one.root).directories).toMatchObject({
    memory: `${one.root}/sys/fs/cgroup/memory/jobs/x`,
    cpu: `${one.root}/sys/fs/cgroup/cpu,cpuacct/jobs/x`,
    cpuacct: `${one.root}/sys/fs/cgroup/cpu,cpuacct/jobs/x`,
    'name=systemd': `${one.root}/sys/fs/cgroup/systemd/user.slice`,
  });
  expect(cgroupOfProcess(42, one.root).directories).not.toHaveProperty('cpuset');
  using both = sample(hybrid);
  expect(cgroupOfProcess(42, both.root).directories['']).toBe(`${both.root}/sys/fs/cgroup/unified/user.slice`);
  using two = sample(v2);
  expect({ ...cgroupOfProcess(42, two.root).directories }).toEqual({
    '': `${two.root}/sys/fs/cgroup/system.slice/slipway-x.scope`,
  });
});

it('does not follow the path of a process that is outside of what is mounted, or whose cgroup is gone', () => {
  for (const text of ['0::/../outside\n', '0::/jobs/x (deleted)\n']) {
    using files = sample({ ...v2, 'proc/42/cgroup': text });
    expect({ ...cgroupOfProcess(42, files.root).directories }).toEqual({});
  }
  using inside = sample({
    ...v2,
    'proc/self/mountinfo': '30 22 0:26 /jobs /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
    'proc/42/cgroup': '0::/elsewhere/x\n',
    'proc/43/cgroup': '0::/jobs/x\n',
  });
  expect({ ...cgroupOfProcess(42, inside.root).directories }).toEqual({});
  expect({ ...cgroupOfProcess(43, inside.root).directories }).toEqual({ '': `${inside.root}/sys/fs/cgroup/x` });
});

it('refuses a process that is not there, and finds this one', () => {
  expect(() => cgroupOfProcess(2 ** 30)).toThrow(expect.objectContaining({ kind: 'not-found' }));
  expect(Object.keys(cgroupOfProcess(process.pid).directories).length).toBeGreaterThan(0);
  expect(readCgroupHost().controllers.size).toBeGreaterThan(0);
});

it('passes over lines that are none', () => {
  const text =
    '\n - \na b c\n30 22 0:26 relative /x rw - cgroup2 cgroup2 rw\n31 22 0:26 / /with\\040space rw - cgroup cgroup rw,memory\n';
  expect(parseMountinfo(text)).toEqual([{ controllers: ['memory'], unified: false, root: '/', mountPoint: '/with space' }]);
  expect(parseProcCgroup('nonsense\n0:x\n5:a,b:/c:d\n0::relative\n')).toEqual([{ controllers: ['a', 'b'], path: '/c:d' }]);
});

it.each([
  ['0-2,7\n', [0, 1, 2, 7]],
  ['3,1,2-3', [1, 2, 3]],
  ['', undefined],
  ['2-1', undefined],
  ['1,', undefined],
  ['-1', undefined],
  ['0-99999', undefined],
  ['0-4294967295', undefined],
  ['a', undefined],
])('the list %j has %j', (text, numbers) => {
  expect(parseCpuList(text)).toEqual(numbers);
});
