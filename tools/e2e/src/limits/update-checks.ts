import assert from 'node:assert/strict';
import { type Check, MiB, setting, started, until } from './check.ts';

const memory = (pid: number): string => setting(pid, 'memory', 'memory.limit_in_bytes', 'memory.max');
const pids = (pid: number): string => setting(pid, 'pids', 'pids.max', 'pids.max');
const quota = (pid: number): string => setting(pid, 'cpu', 'cpu.cfs_quota_us', 'cpu.max').split(' ')[0] ?? '';

export const updateChecks: readonly Check[] = [
  {
    name: 'new limits hold at once, what is not named stays, and the next start has them all',
    async run(limited) {
      await using container = await started(limited, { limits: { memory: 64 * MiB, pids: 20 } });
      await container.update({ limits: { memory: 128 * MiB, cpus: 0.75 } });
      assert.deepEqual([memory(container.pid), pids(container.pid), quota(container.pid)], [`${128 * MiB}`, '20', '75000']);
      await container.update({ limits: { memory: 48 * MiB, pids: -1 } });
      assert.deepEqual([memory(container.pid), pids(container.pid), quota(container.pid)], [`${48 * MiB}`, 'max', '75000']);
      const details = await container.inspect();
      assert.deepEqual(details.settings.limits, { memory: 48 * MiB, pids: -1, cpus: 0.75 });
      assert.equal(details.spec?.linux.resources?.memory?.limit, 48 * MiB);
      await container.restart();
      const { pid = 0 } = await container.inspect();
      assert.deepEqual([memory(pid), pids(pid), quota(pid)], [`${48 * MiB}`, 'max', '75000']);
    },
  },
  {
    name: 'what cannot be set changes nothing',
    once: true,
    async run(limited) {
      await using container = await started(limited, { limits: { memory: 64 * MiB, pids: 20 } });
      for (const limits of [{ pids: 30, cpuset: '4095' }, { memory: 1 }, { memorySwap: 8 * MiB }, { pids: 1.5 }])
        await assert.rejects(container.update({ limits }), { kind: 'invalid-argument' });
      assert.deepEqual([memory(container.pid), pids(container.pid)], [`${64 * MiB}`, '20']);
      assert.deepEqual((await container.inspect()).settings.limits, { memory: 64 * MiB, pids: 20 });
    },
  },
  {
    name: 'one that does not run has its new limits when it starts',
    once: true,
    async run(limited) {
      await using container = await started(limited, { args: ['sh', '-c', 'sleep 3600'] });
      await container.stop();
      await container.update({ limits: { memory: 80 * MiB } });
      await container.start();
      assert.equal(memory((await container.inspect()).pid ?? 0), `${80 * MiB}`);
    },
  },
  {
    name: 'one that its monitor restarts has the limits of the last update',
    async run(limited) {
      const options = { args: ['sh', '-c', 'sleep 3600'], restart: { name: 'always' as const }, limits: { memory: 64 * MiB } };
      await using container = await started(limited, options);
      await container.update({ limits: { memory: 72 * MiB } });
      process.kill(container.pid, 'SIGKILL');
      await until(async () => {
        const { restarts, status, pid } = await container.inspect();
        return restarts > 0 && status === 'running' && pid !== container.pid;
      });
      assert.equal(memory((await container.inspect()).pid ?? 0), `${72 * MiB}`);
    },
  },
  {
    name: 'another restart policy holds for what runs, until it is taken away',
    once: true,
    async run(limited) {
      await using container = await started(limited);
      const next = async (before: number): Promise<number> => {
        process.kill(before, 'SIGKILL');
        await until(async () => (await container.inspect()).pid !== before);
        await until(async () => (await container.inspect()).status !== 'restarting');
        return (await container.inspect()).pid ?? 0;
      };
      await container.update({ restart: { name: 'always' } });
      const second = await next(container.pid);
      assert.ok(second > 0);
      assert.equal((await container.inspect()).restarts, 1);
      await container.update({ restart: { name: 'no' } });
      assert.equal(await next(second), 0);
      assert.equal((await container.inspect()).status, 'exited');
    },
  },
];
