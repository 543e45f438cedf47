import { writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { Place } from './slipway.js';

const place = new Place();
afterAll(() => place[Symbol.dispose]());

function configFile(name: string, text: string): string {
  const file = place.file(name);
  writeFileSync(file, text, { mode: 0o644 });
  return file;
}

test('config default prints a file that config check accepts', async () => {
  const { out, code } = await place.run(['config', 'default']);
  expect(code).toBe(0);
  expect(out).toMatch(/^\[stack\]$/m);
  const file = configFile('default.toml', out);
  const check = await place.run(['config', 'check', '--config', file]);
  expect([check.code, check.out]).toEqual([0, `The configuration is right (${file}).\n`]);
});

test('config check lists what is wrong, with the place, and ends with 1', async () => {
  const file = configFile('wrong.toml', 'version = 1\nrot = "/x"\n[stack]\nruntime = "runk"\n');
  const { code, out, err } = await place.run(['config', 'check', '--config', file]);
  expect([code, err]).toEqual([1, '']);
  expect(out).toContain(`${file}:2`);
  const json = await place.run(['--config', file, 'config', 'check', '--json']);
  expect(JSON.parse(json.out)).toMatchObject({ ok: false, problems: [{ code: expect.any(String) as string }] });
});

test('config check refuses a runtime of virtual machines with directories, and takes images with runc', async () => {
  const check = async (name: string, text: string): ReturnType<Place['run']> =>
    await place.run(['config', 'check', '--config', configFile(name, `version = 1\n${text}`)]);
  const machines = await check('machines.toml', '[stack]\nruntime = "kata"\n');
  expect(machines.code).toBe(1);
  expect(machines.out).toContain('snapshotter "overlay" produces overlay, bind mounts, but runtime "kata" accepts layers');
  const named = await check('named.toml', '[stacks.kata]\nsnapshotter = "overlay"\n');
  expect(named.code).toBe(1);
  expect(named.out).toContain('stack "kata" does not fit');
  expect(named.out).toContain('takes layers as "overlay", which differ "erofs" does not write');
  const images = await check('images.toml', '[stack]\nsnapshotter = "kata"\n');
  expect([images.code, images.out]).toEqual([0, `The configuration is right (${place.file('images.toml')}).\n`]);
  const without = await check('without.toml', '[plugins]\ndisabled = ["@slipway/runtime-kata"]\n');
  expect(without.code).toBe(0);
});

test('config dump says where each value comes from; options win over the environment', async () => {
  const { out } = await place.run(['config', 'dump', '--state', 'relative']);
  expect(out).toMatch(new RegExp(`^root = "${place.file('root')}" # .*SLIPWAY_ROOT`, 'm'));
  expect(out).toMatch(/^state = ".*\/relative" # .*state/m);
  const values = JSON.parse((await place.run(['config', 'dump', '--json'])).out) as { key: string; source: string }[];
  expect(values.find(({ key }) => key === 'root')?.source).toContain('SLIPWAY_ROOT');
});

test('a stack that is not there is named', async () => {
  const { code, err } = await place.run(['--stack', 'nowhere', 'images']);
  expect(code).toBe(1);
  expect(err).toContain('stack "nowhere"');
});

test('plugins ls shows every plugin with its state', async () => {
  const { out, code } = await place.run(['plugins', 'ls']);
  expect(code).toBe(0);
  expect(out.split('\n')[0]).toMatch(/^POINT +ID +VERSION +STATE +WHY OR CAPABILITIES$/);
  expect(out).toMatch(/^metadata\.v1 +lmdb +\d+\.\d+\.\d+ +active/m);
  const plugins = JSON.parse((await place.run(['plugins', '--json'])).out) as { address: string }[];
  expect(plugins.map(({ address }) => address)).toContain('runtime.v1/runc');
});

test('a disabled plugin and one that the host cannot run say why', async () => {
  const file = configFile(
    'some.toml',
    'version = 1\n[plugins]\ndisabled = ["@slipway/snapshot-native"]\n[stack]\nsnapshotter = "overlay"\n[plugin.runtime-runc]\nbinary = "/nowhere/runc"\n',
  );
  const { out } = await place.run(['plugins', 'ls', '--config', file]);
  expect(out).toMatch(/^snapshotter\.v1 +native +\S+ +disabled +named in plugins\.disabled$/m);
  expect(out).toMatch(/^runtime\.v1 +runc +\S+ +skipped +.*\/nowhere\/runc/m);
  const doctor = await place.run(['doctor', '--config', file]);
  expect(doctor.code).toBe(1);
  expect(doctor.out).toMatch(/^fail {2}runtime +runc is skipped: .*\/nowhere\/runc.*\n +-> /m);
});

test('doctor finds this host fit, in both forms', async () => {
  const { out, code } = await place.run(['doctor']);
  expect(out).toMatch(/^ok {4}runtime +runc \d/m);
  expect(code).toBe(0);
  const report = JSON.parse((await place.run(['doctor', '--json'])).out) as {
    ok: boolean;
    checks: { name: string; status: string }[];
  };
  expect(report.ok).toBe(true);
  const names =
    'user node kernel cgroups seccomp limits clock openat2 detached-mounts terminals monitor init configuration space';
  const plugins = 'metadata content resolver snapshotter runtime network firewall names egress forwarding';
  expect(report.checks.map(({ name }) => name.replace(' ', '-'))).toEqual(`${names} ${plugins}`.split(' '));
});

test('as another user: what needs root says so and touches nothing, the rest works', async () => {
  const nobody = { uid: 65_534, gid: 65_534 };
  const env = {
    ...place.env,
    HOME: '/nonexistent',
    SLIPWAY_CONFIG: '',
    SLIPWAY_ROOT: place.file('nobody-root'),
    SLIPWAY_STATE: place.file('nobody-state'),
  };
  const as = (...args: string[]) => place.run(args, undefined, { ...nobody, env });
  for (const [command, code] of [
    ['run', 125],
    ['pull', 1],
    ['inspect', 1],
    ['rmi', 1],
  ] as const) {
    const { code: found, err } = await as(command, 'alpine');
    expect([found, err]).toEqual([code, `slipway: ${command} needs root\nhint: run as root (sudo slipway ${command} ...)\n`]);
  }
  expect((await as('images')).code).toBe(1);
  for (const args of [
    ['version'],
    ['--help'],
    ['completion', 'bash'],
    ['config', 'default'],
    ['config', 'check'],
    ['plugins', 'ls'],
  ]) {
    expect([args, (await as(...args)).code]).toEqual([args, 0]);
  }
  expect((await as('doctor')).out).toMatch(/^warn {2}user +user 65534\n/m);
});
