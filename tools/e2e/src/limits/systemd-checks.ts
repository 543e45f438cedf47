import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { cgroupDriverOf, readCgroupHost } from '@slipway/cgroups';
import { type Check, type Limited, MiB, setting, started, until } from './check.ts';

const slipway = '/machine/build/bin/slipway';

/** Of a host that systemd runs with cgroup v2: with no word about drivers it is asked. */
export const systemdChecks: readonly Check[] = [
  {
    name: 'the host is known for what it is',
    async run() {
      const host = readCgroupHost();
      assert.equal(host.version, 'v2');
      assert.equal(host.systemd, true);
      assert.equal(cgroupDriverOf(host), 'systemd');
      for (const name of ['cpu', 'cpuset', 'io', 'memory', 'pids']) assert.ok(host.controllers.has(name), name);
      assert.deepEqual([host.swapAccounting, host.ioWeight, host.ioThrottle], [true, true, true]);
    },
  },
  {
    name: 'where nothing is said of control groups, a container is a scope of systemd, in a namespace of its own',
    async run(limited) {
      await using container = await started(limited, { cgroupParent: undefined, limits: { memory: 64 * MiB } });
      const scope = `slipway-${container.id}.scope`;
      assert.equal(readFileSync(`/proc/${container.pid}/cgroup`, 'utf8'), `0::/system.slice/${scope}\n`);
      assert.equal(systemctl('show', '-P', 'ActiveState', scope), 'active');
      assert.equal(systemctl('show', '-P', 'MemoryMax', scope), `${64 * MiB}`);
      const exec = await container.exec({ args: ['cat', '/proc/self/cgroup'] });
      assert.equal((await exec.output()).stdout.toString(), '0::/\n');
      // systemd writes the limits of its units anew when it reads their files again: those of an update must be known to it.
      await container.update({ limits: { memory: 96 * MiB } });
      systemctl('daemon-reload');
      assert.equal(setting(container.pid, 'memory', '', 'memory.max'), `${96 * MiB}`);
      await container.stop();
      await until(() => systemctl('list-units', '--all', '--no-legend', scope) === '');
    },
  },
  {
    name: 'the command says the same: run, stats, top, update',
    async run(limited) {
      const run = (...args: readonly string[]): string => execFileSync(slipway, args, { encoding: 'utf8' }).trim();
      const id = run(
        'run',
        '-d',
        '--network',
        'none',
        '--name',
        'by-command',
        '--memory',
        '64m',
        '--cpus',
        '0.5',
        limited.image,
        'sleep',
        '3600',
      );
      try {
        run('update', '--memory', '80m', '--pids-limit', '50', 'by-command');
        const stats = JSON.parse(run('stats', '--no-stream', '--json', 'by-command')) as Record<string, Record<string, unknown>>;
        assert.equal(stats['id'], id);
        assert.equal(stats['memory']?.['limitBytes'], 80 * MiB);
        assert.deepEqual(stats['pids'], { current: 1, limit: 50 });
        assert.match(run('top', 'by-command', 'cpid', 'command'), /^CPID +COMMAND\n1 +sleep 3600$/);
      } finally {
        run('rm', '-f', 'by-command');
      }
    },
  },
];

/** For after everything else: neither a control group nor a unit. */
export async function nothingLeft({ engine }: Limited): Promise<void> {
  assert.deepEqual(await engine.containers.list({ all: true }), []);
  const left = (): readonly string[] => [
    ...globSync('/sys/fs/cgroup/**/slipway-*.scope'),
    ...globSync('/sys/fs/cgroup/{slipway,checks/some}/*/cgroup.procs'),
    ...systemctl('list-units', '--all', '--no-legend', 'slipway-*')
      .split('\n')
      .filter((line) => line !== ''),
  ];
  await until(() => left().length === 0);
  assert.ok(!existsSync('/run/slipway/ops') || globSync('/run/slipway/ops/*').length === 0);
}

function systemctl(...args: readonly string[]): string {
  return execFileSync('systemctl', args, { encoding: 'utf8' }).trim();
}
