import { startRegistry } from '@slipway/fixtures';
import type { ContainerSettings, Engine, RunOptions } from 'slipway';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { leftInPlace } from './place.ts';
import { placesInMemory } from './tmpfs.ts';

const registry = await startRegistry({ images: ['small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/small:latest`;
const place = placesInMemory()();
afterAll(() => place[Symbol.dispose]());

let engine: Engine;
beforeAll(async () => {
  engine = await place.open();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  expect(leftInPlace(place)).toEqual([]);
});

async function says(script: string, settings: Omit<RunOptions, 'image'>): Promise<string> {
  await using container = await engine.run({ image, ...settings, args: ['sh', '-c', script] });
  const { exitCode, stdout, stderr } = await container.output();
  expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: '' });
  return stdout.toString().trim();
}

it('settings reach the process', async () => {
  const settings: ContainerSettings = {
    user: '5',
    groups: ['9'],
    hostname: 'db',
    init: true,
    noNewPrivileges: true,
    capDrop: ['ALL'],
    oomScoreAdj: 100,
    rlimits: [
      { name: 'nofile', soft: 64, hard: 65 },
      { name: 'core', soft: -1, hard: -1 },
    ],
    shmSize: 4096 * 16,
    seccomp: 'unconfined',
    mask: ['/etc/group'],
    annotations: { 'com.example.a': 'b' },
  };
  const script =
    'id -G; hostname; cat /proc/1/comm; grep -E "NoNewPrivs|Seccomp:" /proc/self/status | cut -f2; cat /proc/self/oom_score_adj; ulimit -H -n; ulimit -c; stat -f -c %b /dev/shm; cat /etc/group';
  expect((await says(script, settings)).split('\n')).toEqual([
    ...['0 9', 'db', 'slipway-init', '1', '0', '100', '65', 'unlimited', '16'],
  ]);
});

it('plain data that was kept makes the same container at each start', async () => {
  const container = await engine.containers.create({
    image,
    name: 'kept',
    args: ['sh', '-c', 'ulimit -n; ulimit -c; cat /proc/1/comm'],
    rlimits: [
      { name: 'nofile', soft: 64, hard: 65 },
      { name: 'core', soft: -1, hard: -1 },
    ],
    init: true,
    seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' }] },
  });
  for (let run = 1; run <= 2; run++) {
    await container.start();
    expect(await container.wait()).toMatchObject({ exitCode: 0 });
  }
  const { spec, settings } = await container.inspect();
  expect(settings.seccomp).toMatchObject({ defaultAction: 'SCMP_ACT_ALLOW' });
  expect(spec?.process.rlimits).toContainEqual({ type: 'RLIMIT_CORE', soft: 2 ** 64, hard: 2 ** 64 });
  const lines: string[] = [];
  for await (const { line } of container.logs()) lines.push(line);
  expect(lines).toEqual(['64', 'unlimited', 'slipway-init', '64', 'unlimited', 'slipway-init']);
  await container.remove();
});

it('another process in the container has the same limits', async () => {
  const container = await engine.containers.create({
    image,
    args: ['sleep', '1000'],
    init: true,
    oomScoreAdj: 300,
    rlimits: [
      // Of this one runc 1.1 loses the soft limit on a busy machine: Go raises it when it starts late.
      { name: 'nofile', soft: 65, hard: 65 },
      { name: 'fsize', soft: 512 * 1024, hard: 1024 * 1024 },
      { name: 'core', soft: -1, hard: -1 },
    ],
  });
  await container.start();
  const exec = await container.exec({
    args: ['sh', '-c', 'ulimit -S -n; ulimit -H -n; ulimit -S -f; ulimit -H -f; ulimit -H -c; cat /proc/self/oom_score_adj'],
  });
  const { exitCode, stdout, stderr } = await exec.output();
  expect([exitCode, stdout.toString(), stderr.toString()]).toEqual([0, '65\n65\n1024\n2048\nunlimited\n300\n', '']);
  await container.remove({ force: true });
});

it.each([
  [{ capAdd: ['NOT_ONE'] }, 'CAPABILITY_UNKNOWN'],
  [{ rlimits: [{ name: 'nofile', soft: 1, hard: 1e12 }] }, 'RLIMIT_TOO_HIGH'],
  [{ devices: [{ source: '/no/such' }] }, 'DEVICE_NOT_FOUND'],
  [{ deviceRules: ['a 1:3 rwm'] }, 'DEVICE_RULE_INVALID'],
  [{ sysctls: { 'kernel.panic': '1' } }, 'SYSCTL_INVALID'],
  [{ seccomp: { defaultAction: 'allow' } }, 'SECCOMP_INVALID'],
  [{ hooks: { poststop: [{ path: 'relative' }] } }, 'HOOK_INVALID'],
  [{ annotations: { '': 'x' } }, 'ANNOTATION_INVALID'],
  [{ groups: ['nobody-knows'] }, 'GROUP_NOT_FOUND'],
  [{ shmSize: 0 }, 'SHM_SIZE_INVALID'],
  [{ oomScoreAdj: 5000 }, 'OOM_SCORE_INVALID'],
  [{ domainname: '../x' }, 'DOMAINNAME_INVALID'],
  [{ mask: ['relative'] }, 'PATH_INVALID'],
  [{ namespaces: { pid: 'nowhere' } }, /NAMESPACE_INVALID|CONTAINER_OPTION_INVALID/],
] as [ContainerSettings, string | RegExp][])('%j is refused, by create and run, and nothing is left', async (settings, code) => {
  const expected = { code: typeof code === 'string' ? code : expect.stringMatching(code) };
  await expect(engine.containers.create({ image, ...settings })).rejects.toMatchObject(expected);
  await expect(engine.run({ image, ...settings })).rejects.toMatchObject(expected);
  expect(await engine.containers.list({ all: true })).toEqual([]);
  expect(leftInPlace(place)).toEqual([]);
});
