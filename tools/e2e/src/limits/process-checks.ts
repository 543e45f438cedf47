import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { cgroupOfProcess, isFrozen, pathInHierarchy, readPids } from '@slipway/cgroups';
import { type Check, started, until } from './check.ts';

export const processChecks: readonly Check[] = [
  {
    name: 'the control group is where its driver puts it, and goes with the container',
    async run(limited) {
      const container = await started(limited);
      const where =
        limited.driver === 'systemd'
          ? pathInHierarchy(`${limited.cgroupParent}:slipway:${container.id}`)
          : `${limited.cgroupParent}/${container.id}`;
      assert.match(readFileSync(`/proc/${container.pid}/cgroup`, 'utf8'), new RegExp(`:${where.replaceAll('.', '\\.')}$`, 'm'));
      const directories = Object.values(cgroupOfProcess(container.pid).directories).filter((directory) =>
        directory.endsWith(where),
      );
      assert.ok(directories.length > 0);
      await container.remove({ force: true });
      // systemd removes a scope when it comes to it.
      await until(() => !directories.some((directory) => existsSync(directory)));
    },
  },
  {
    name: 'a limit of processes stops forks',
    async run(limited) {
      const script = 'i=0; while [ $i -lt 40 ]; do sleep 100 & i=$((i+1)); done; echo all';
      await using container = await started(limited, { args: ['sh', '-c', script], limits: { pids: 12 } });
      const { exitCode } = await container.wait();
      assert.notEqual(exitCode, 0);
      let said = '';
      for await (const { line } of container.logs()) said += `${line}\n`;
      assert.match(said, /can't fork/);
      assert.doesNotMatch(said, /^all$/m);
    },
  },
  {
    name: 'stats count processes, and top lists them with their numbers on both sides',
    async run(limited) {
      await using container = await started(limited, { args: ['sh', '-c', 'sleep 1001 & sleep 1002 & wait'], user: '7:8' });
      await until(async () => (await container.top()).filter(({ command }) => command[0] === 'sleep').length === 2);
      const processes = await container.top();
      assert.deepEqual(
        processes.map(({ pid }) => pid),
        readPids(cgroupOfProcess(container.pid)),
      );
      const [first, ...others] = processes;
      assert.ok(first !== undefined);
      assert.deepEqual([first.pid, first.containerPid, first.uid, first.command[0]], [container.pid, 1, 7, 'sh']);
      assert.deepEqual(others.map(({ ppid, command }) => [ppid, command.join(' ')]).sort(), [
        [first.pid, 'sleep 1001'],
        [first.pid, 'sleep 1002'],
      ]);
      assert.ok(Math.abs(Date.parse(first.startedAt) - Date.now()) < 3_600_000);
      assert.equal((await container.stats()).pids.current, 3n);
      assert.deepEqual((await container.stats()).network, { receivedBytes: 0n, sentBytes: 0n });
    },
  },
  {
    name: 'paused is frozen, with stats and top as before',
    async run(limited) {
      await using container = await started(limited);
      const cgroup = cgroupOfProcess(container.pid);
      await container.pause();
      assert.equal(isFrozen(cgroup), true);
      assert.equal((await container.inspect()).status, 'paused');
      assert.equal((await container.top()).length, 1);
      assert.ok((await container.stats()).memory.usageBytes > 0n);
      await container.update({ limits: { pids: 99 } });
      assert.equal(isFrozen(cgroup), true);
      await container.unpause();
      assert.equal(isFrozen(cgroup), false);
      assert.equal((await container.inspect()).status, 'running');
    },
  },
  {
    name: 'what does not run has neither stats nor processes',
    once: true,
    async run(limited) {
      await using container = await started(limited, { args: ['true'] });
      await container.wait();
      await assert.rejects(container.stats(), { kind: 'failed-precondition', code: 'CONTAINER_NOT_RUNNING' });
      await assert.rejects(container.top(), { kind: 'failed-precondition', code: 'CONTAINER_NOT_RUNNING' });
    },
  },
];
