import assert from 'node:assert/strict';
import { type Check, setting, started, until } from './check.ts';

export const cpuChecks: readonly Check[] = [
  {
    name: 'processor time, shares and the processors themselves are what was asked for',
    async run(limited) {
      await using container = await started(limited, { limits: { cpus: 0.5, cpuShares: 512, cpuset: '0', cpusetMems: '0' } });
      const { pid } = container;
      if (limited.host.version === 'v2') {
        assert.equal(setting(pid, 'cpu', '', 'cpu.max'), '50000 100000');
        // runc maps 2 to 262144 on 1 to 10000.
        assert.equal(setting(pid, 'cpu', '', 'cpu.weight'), '20');
      } else {
        assert.equal(setting(pid, 'cpu', 'cpu.cfs_quota_us', ''), '50000');
        assert.equal(setting(pid, 'cpu', 'cpu.cfs_period_us', ''), '100000');
        assert.equal(setting(pid, 'cpu', 'cpu.shares', ''), '512');
      }
      assert.equal(setting(pid, 'cpuset', 'cpuset.cpus', 'cpuset.cpus'), '0');
      assert.equal(setting(pid, 'cpuset', 'cpuset.mems', 'cpuset.mems'), '0');
    },
  },
  {
    name: 'a program that wants more time than it may have is throttled, and stats say so',
    once: true,
    async run(limited) {
      await using container = await started(limited, { args: ['sh', '-c', 'while :; do :; done'], limits: { cpus: 0.1 } });
      const first = await container.stats();
      await until(async () => {
        const { cpu } = await container.stats();
        return (cpu.throttledPeriods ?? 0n) >= 3n && (cpu.throttledNs ?? 0n) > 0n && cpu.usageNs > first.cpu.usageNs;
      });
    },
  },
  {
    name: 'processors that this host lacks are refused before anything is made',
    once: true,
    async run(limited) {
      const before = (await limited.engine.containers.list({ all: true })).length;
      for (const limits of [
        { cpus: 4096 },
        { cpuset: '4095' },
        { cpusetMems: '1023' },
        { cpuset: '0-' },
        { cpus: 1, cpuQuota: 1000 },
      ])
        await assert.rejects(started(limited, { limits }), { kind: 'invalid-argument', code: 'LIMIT_INVALID' });
      assert.equal((await limited.engine.containers.list({ all: true })).length, before);
    },
  },
];
