import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ToolFailure } from '@slipway/monitor';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { frames, readAll, ShimBench, until } from './shim-bench.ts';
import { frame, type Scenario } from './shim-wire.ts';

let bench: ShimBench;
beforeEach(() => {
  bench = new ShimBench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

type Steps = readonly (readonly (string | Buffer)[])[];

/** A creation that fails: what it said. Nothing is left of it. */
async function failure(steps: Steps): Promise<string> {
  bench.plan(steps);
  rmSync(path.join(bench.folder, 'pid'), { force: true });
  const { code, stdout, stderr } = await bench.run(
    'create',
    '--bundle',
    bench.folder,
    '--pid-file',
    path.join(bench.folder, 'pid'),
    'box',
  );
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(existsSync(path.join(bench.folder, 'pid'))).toBe(false);
  await bench.gone();
  return (JSON.parse(stderr) as { msg: string }).msg;
}

const upTo = (verb: string, steps: Steps): Steps => steps.slice(0, steps.findIndex(([name]) => name === verb) + 1);
const fails = (scenario: Scenario) => failure(bench.steps(scenario));

test('QEMU that complains and exits: its words are in the error', async () => {
  const said = await fails({ words: 'qemu-system-x86_64: -drive x: Could not open "x"\n', at: { start: { exit: 1 } } });
  expect(said).toBe(
    'QEMU exited with status 1 while the agent was waited for: qemu-system-x86_64: -drive x: Could not open "x"; console: nothing',
  );
});

test.each(['start', 'hello', 'Check', 'SetGuestDateTime', 'ReseedRandomDev', 'CreateContainer'])(
  'QEMU killed at %s',
  async (step) => {
    expect(await fails({ console: 'booting\nstill booting\n', at: { [step]: { kill: 'SIGKILL' } } })).toMatch(
      /^QEMU was killed by signal 9 while .* was waited for; console: booting \| still booting$/,
    );
  },
);

test('a panic of the guest is in the error, whatever was printed after it', async () => {
  const trace = Array.from({ length: 60 }, (_, i) => `[    1.${i}] call trace, line ${i}\r\n`).join('');
  const said = await fails({
    console: `[    1.0] Kernel panic - not syncing: Attempted to kill init!\r\n${trace}`,
    at: { Check: { exit: 0 } },
  });
  expect(said).toContain('QEMU exited with status 0');
  expect(said).toContain('console: Kernel panic - not syncing: Attempted to kill init! ... ');
  expect(said).toMatch(/call trace, line 59$/);
});

test('a guest that never answers is given up when its time is over', async () => {
  const steps = bench
    .steps({ silent: true, console: 'login: ' })
    .map((step) => (step[0] === 'boot-limit' ? ['boot-limit', '3000'] : step));
  expect(await failure(steps)).toBe('the virtual machine was not there within 3000 ms: waiting for the agent; console: login:');
});

test.each(['Check', 'CreateContainer'])('an agent that hangs in %s', async (step) => {
  const steps = bench
    .steps({ at: { [step]: { hang: true } } })
    .map((one) => (one[0] === 'boot-limit' ? ['boot-limit', '3000'] : one));
  expect(await failure(steps)).toContain(`was not there within 3000 ms: waiting for ${step}`);
});

test('what the runtime in the guest says of a container is passed on as it is; of other requests with their name', async () => {
  const said = 'executable file `nope` not found in $PATH: No such file or directory';
  expect(await fails({ at: { CreateContainer: { error: said } } })).toBe(said);
  expect(await fails({ at: { ReseedRandomDev: { error: 'no\nrandom \x1b[31mdevice' } } })).toBe(
    'the agent: ReseedRandomDev: no random [31mdevice',
  );
});

const header = (length: number, stream: number, type: number, flags = 0) => {
  const bytes = frame(stream, type, Buffer.alloc(0));
  bytes.writeUInt32BE(length);
  bytes[9] = flags;
  return bytes.toString('hex');
};
const violations: Record<string, string> = {
  'a request': header(4, 1, 1),
  'data of a stream': header(4, 1, 3),
  flags: header(4, 1, 2, 1),
  'an answer nobody asked for': header(0, 4001, 2),
  'an answer to nothing': header(0, 0, 2),
  'an answer to an even number': header(0, 2, 2),
  'four gigabytes': header(0xffffffff, 1, 2),
  'one byte too much': header((4 << 20) + 1, 1, 2),
};
test.each(Object.keys(violations))('a guest that sends %s is ended', async (name) => {
  const said = await fails({ at: { SetGuestDateTime: { send: violations[name] ?? '', hang: true } } });
  expect(said).toMatch(/^the agent broke the protocol: it (sent|answered) .* while SetGuestDateTime was waited for/);
});

test('an answer that is no message is an error', async () => {
  const broken = frame(3, 2, Buffer.from([0x0a, 0x7f, 1])).toString('hex');
  expect(await fails({ at: { SetGuestDateTime: { send: broken, hang: true } } })).toContain('an answer that is no message');
});

test('a guest that closes its channel, while QEMU goes on', async () => {
  expect(await fails({ at: { CreateContainer: { close: true } } })).toMatch(
    /^QEMU closed the agent's channel while CreateContainer/,
  );
});

test('a console without end stops nothing, and its last lines are there', async () => {
  const said = await fails({ consoleFlood: true, at: { CreateContainer: { error: 'no' } } });
  expect(said).toBe('no');
  const monitor = await bench.started({ untilSignal: [15] }, { consoleFlood: true });
  const exec = await bench.exec({ stdout: ['here\n'] }, { stdout: 'pipe' });
  expect(await readAll(exec.stdout)).toBe('here\n');
  process.kill(bench.noted('qemu'), 'SIGKILL');
  expect(await monitor.exited).toMatchObject({ exitCode: 255 });
});

test('commands to QEMU: their errors, a migration that is waited for, and one that fails', async () => {
  const qemu = (scenario: Scenario) => upTo('qemu', bench.steps(scenario));
  const cont = ['qmp', '{"execute":"cont"}'];
  expect(await failure([...qemu({ at: { 'qmp:cont': { error: 'Resetting the Virtual Machine is required' } } }), cont])).toMatch(
    /^QEMU's monitor: cont: Resetting the Virtual Machine is required; console/,
  );
  expect(await failure([...qemu({ at: { 'qmp:cont': { exit: 7 } } }), cont])).toMatch(
    /^QEMU exited with status 7 while QEMU's monitor/,
  );
  expect(await failure([...qemu({ at: { 'qmp:qmp_capabilities': { error: 'no' } } }), cont])).toMatch(
    /^QEMU's monitor: cont: no/,
  );
  const failed = qemu({ qmp: { 'query-migrate': [{ status: 'active' }, { status: 'failed', 'error-desc': 'no space' }] } });
  expect(await failure([...failed, ['wait-migration']])).toMatch(/^the migration failed: no space/);
  const completed = qemu({ qmp: { 'query-migrate': [{ status: 'setup' }, { status: 'active' }, { status: 'completed' }] } });
  bench.plan([...completed, ['getfd', '9', 'state'], ['wait-migration'], ['hello']]);
  expect(await bench.run('probe', 'vm.plan')).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(bench.requests().filter((line) => line.startsWith('qmp'))).toEqual(
    expect.arrayContaining(['qmp getfd', 'qmp query-migrate', 'qmp query-migrate', 'qmp query-migrate']),
  );
  expect(bench.processes()).toEqual([]);
});

test('a probe of a machine that does not come says why, and leaves nothing', async () => {
  bench.plan([
    ...bench
      .steps({ silent: true, console: 'hangs here' })
      .map((step) => (step[0] === 'boot-limit' ? ['boot-limit', '3000'] : step)),
  ]);
  const { code, stderr } = await bench.run('probe', 'vm.plan');
  expect(code).toBe(1);
  expect(stderr).toContain('not there within 3000 ms: waiting for the agent; console: hangs here');
  expect(bench.processes()).toEqual([]);
});

test('QEMU killed while the container runs: the container has failed, and says why', async () => {
  const monitor = await bench.started(
    { stdout: ['before\n'], untilSignal: [15] },
    { console: 'last line\n' },
    { stdout: 'pipe', stderr: 'pipe' },
  );
  await until(() => bench.requests().filter((line) => line === 'ReadStdout box').length > 1);
  const exec = await bench.exec({ untilSignal: [15] }, { stderr: 'pipe' });
  process.kill(bench.noted('qemu'), 'SIGKILL');
  const [stdout, stderr, execStderr] = await Promise.all([
    readAll(monitor.stdout),
    readAll(monitor.stderr),
    readAll(exec.stderr),
  ]);
  const said = 'slipway: the virtual machine of "box" ended: QEMU was killed by signal 9; console: last line\n';
  expect({ stdout, stderr, execStderr }).toEqual({ stdout: 'before\n', stderr: said, execStderr: said });
  expect(await monitor.exited).toMatchObject({ exitCode: 255 });
  expect(await exec.exited).toMatchObject({ exitCode: 255 });
  await monitor.ended;
  await bench.gone();
});

test('a machine that ends before the start: the start says why, with the last lines of the console', async () => {
  bench.plan(bench.steps({ console: 'booting\nlast line\n' }, { untilSignal: [15] }));
  const monitor = await bench.monitor({ deletion: { args: ['/bin/sleep', '2'], limitMs: 30_000 } });
  await bench.create(monitor);
  const init = bench.noted('init');
  process.kill(bench.noted('qemu'), 'SIGKILL');
  await until(() => existsSync(path.join(bench.folder, 'ended')) && !existsSync(`/proc/${init}`));
  const error: unknown = await monitor.start().catch((failed: unknown) => failed);
  expect((error as ToolFailure).output).toBe(
    'its first process ended before it was started: slipway: the virtual machine of "box" ended: QEMU was killed by signal 9; console: booting | last line',
  );
});

test('what is kept of a console moves no cursor', async () => {
  bench.plan(bench.steps({ console: '\x1b[31mred\r\nplain\n' }));
  const [binary = '', ...args] = bench.args('create', '--bundle', bench.folder, 'box');
  expect(await once(spawn(binary, args, { cwd: bench.folder, stdio: 'ignore' }), 'exit')).toEqual([0, null]);
  process.kill(bench.noted('qemu'), 'SIGKILL');
  const kept = path.join(bench.root, 'box/console.log');
  await until(() => existsSync(kept) && bench.processes().length === 0);
  expect(readFileSync(kept, 'utf8')).toBe('?[31mred\nplain\n');
});

test('an exec that cannot be held to the limits of the container is an error', async () => {
  await bench.started({ untilSignal: [15] });
  writeFileSync(path.join(bench.root, 'box/cgroups'), '=/nowhere/limits\n');
  const file = bench.request(bench.folder, { stdout: ['never\n'] });
  expect(await bench.run('exec', '--process', file, 'box')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('the limits of container \\"box\\": No such file or directory') as string,
  });
  rmSync(path.join(bench.root, 'box/cgroups'));
});

test('the daemon killed while the container runs: QEMU goes with it, the container has failed', async () => {
  const monitor = await bench.started({ untilSignal: [15] }, {}, { stderr: 'pipe' });
  process.kill(bench.noted('vm'), 'SIGKILL');
  expect(await readAll(monitor.stderr)).toBe('slipway: the virtual machine of "box" ended: its daemon was killed\n');
  expect(await monitor.exited).toMatchObject({ exitCode: 255 });
  await monitor.ended;
  await bench.gone();
});

test('a guest that breaks the protocol while the container runs', async () => {
  const monitor = await bench.started(
    { untilSignal: [15] },
    { at: { PauseContainer: { send: violations['four gigabytes'] ?? '', hang: true } } },
    { stderr: 'pipe' },
  );
  expect(await bench.run('pause', 'box')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('PauseContainer: the virtual machine has gone') as string,
  });
  expect(await readAll(monitor.stderr)).toContain('the agent broke the protocol: it sent a frame of too many bytes (4294967295)');
  expect(await monitor.exited).toMatchObject({ exitCode: 255 });
});

test('a guest that answers a read with more than was asked for', async () => {
  const monitor = await bench.started({ stdout: ['x'.repeat(70_000)], untilSignal: [15] }, {}, { stderr: 'pipe' });
  expect(await readAll(monitor.stderr)).toBe('slipway: "box" was given up: the agent answered with more than was asked for\n');
  expect(await monitor.exited).toMatchObject({ exitCode: 255 });
  await monitor.ended;
  await bench.gone();
});

test('an agent that does not end the container when asked is not waited for', async () => {
  const monitor = await bench.started({ code: 4 }, { at: { RemoveContainer: { hang: true } } });
  expect(await monitor.exited).toMatchObject({ exitCode: 4 });
  await monitor.ended;
  await bench.gone();
});

test('plans that are none', async () => {
  const some = bench.steps({});
  expect(await failure([['cgroup', '/x']])).toBe('the plan has no qemu');
  expect(await failure([['nope'], ...some])).toBe('step 1 of the plan has an unknown verb');
  expect(await failure([['user', '1'], ...some])).toContain('a wrong number of arguments');
  expect(await failure([['user', '0', '0', ''], ...some])).toContain('a user or group that is none, or root');
  expect(await failure([['file', '256', '/dev/null', 'ro'], ...some])).toContain("a descriptor's number");
  expect(await failure([...some, ['cgroup', '/x']])).toContain('more of it after qemu');
  expect(await failure([['hello'], ...some])).toContain('no qemu before it');
  expect(await failure(some.slice(1))).toContain('QEMU is not run as root');
  const whole = frames(...some);
  for (const cut of [1, 3, 5, 9, whole.length - 1]) {
    writeFileSync(path.join(bench.folder, 'vm.plan'), whole.subarray(0, cut), { mode: 0o600 });
    expect(await bench.run('create', 'box')).toMatchObject({ code: 1 });
  }
  writeFileSync(path.join(bench.folder, 'vm.plan'), whole);
  chmodSync(path.join(bench.folder, 'vm.plan'), 0o620);
  expect(await bench.run('create', 'box')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('belongs to user 0 alone') as string,
  });
  await bench.gone();
});

test('what the plan names and is not there', async () => {
  const some = bench.steps({});
  expect(await failure([['file', '10', '/nowhere/disk', 'ro'], ...some])).toBe(
    'opening "/nowhere/disk": No such file or directory',
  );
  expect(await failure([['write', '/nowhere/limit', '7'], ...some])).toBe(
    'writing "7" to the file "/nowhere/limit": No such file or directory',
  );
  expect(await failure([['cgroup', '/proc/nowhere'], ...some])).toMatch(/^making the cgroup "\/proc\/nowhere"/);
  expect(await failure([['tap', '10', '/nowhere/net', 'tap0'], ...some])).toMatch(/^opening "tap0"/);
  expect(await failure([...upTo('file', some), ['qemu', '/nowhere/qemu']])).toBe(
    'execve: starting "/nowhere/qemu": No such file or directory',
  );
  expect(await failure([['helper', '/nowhere/sock', '/nowhere/helper'], ...some])).toBe(
    'execve: starting "/nowhere/helper": No such file or directory',
  );
  expect(await failure([['helper', '/nowhere/sock', '/bin/sh', '-c', 'echo cannot share >&2; exit 3'], ...some])).toMatch(
    /^a helper of QEMU exited with status 3 while \/nowhere\/sock was waited for: cannot share/,
  );
});

test('an id that is taken', async () => {
  await bench.started({ untilSignal: [15] });
  expect(await bench.run('create', 'box')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('container with given ID already exists') as string,
  });
  expect(await bench.run('create', '../box')).toMatchObject({ code: 1, stderr: expect.stringContaining('is no id') as string });
  expect(await bench.run('start', 'other')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('does not exist') as string,
  });
});

test('cgroups of the plan hold all, and go with the container, but only those that were made', async () => {
  const base = existsSync('/sys/fs/cgroup/cgroup.controllers') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids';
  const [found, made] = [path.join(base, path.basename(bench.base)), path.join(base, path.basename(bench.base), 'vm')];
  mkdirSync(found);
  try {
    bench.plan([['cgroup', made], ['write', path.join(made, 'pids.max'), '77'], ...bench.steps({}, { untilSignal: [15] })]);
    const monitor = await bench.monitor();
    const pid = await bench.create(monitor);
    await monitor.start();
    const inside = readFileSync(path.join(made, 'cgroup.procs'), 'utf8').trim().split('\n').map(Number);
    expect(inside).toEqual(expect.arrayContaining([pid, bench.noted('vm'), bench.noted('qemu')]));
    expect(readFileSync(path.join(made, 'pids.max'), 'utf8')).toBe('77\n');
    await monitor.signal(15);
    await monitor.ended;
    await bench.gone();
    expect([existsSync(found), existsSync(made)]).toEqual([true, false]);
    expect(await failure([['cgroup', made], ...bench.steps({ at: { hello: { exit: 1 } } })])).toContain(
      'QEMU exited with status 1',
    );
    expect([existsSync(found), existsSync(made)]).toEqual([true, false]);
    bench.plan([['cgroup', found], ...bench.steps({}, { code: 2 })]);
    const second = await bench.monitor();
    await bench.create(second);
    await second.start();
    expect(await second.exited).toMatchObject({ exitCode: 2 });
    await second.ended;
    expect(existsSync(found)).toBe(true);
  } finally {
    if (existsSync(found)) rmdirSync(found);
  }
});

test('a link in place of the plan is not followed', async () => {
  writeFileSync(path.join(bench.folder, 'other.plan'), frames(...bench.steps({})), { mode: 0o600 });
  symlinkSync('other.plan', path.join(bench.folder, 'vm.plan'));
  expect(await bench.run('create', 'box')).toMatchObject({ code: 1 });
  await bench.gone();
});

test('a creation that fails under a monitor is told with its reason', async () => {
  bench.plan(bench.steps({ words: 'no such machine\n', at: { start: { exit: 1 } } }));
  const monitor = await bench.monitor();
  const error: unknown = await bench.create(monitor).catch((failed: unknown) => failed);
  expect(error).toBeInstanceOf(ToolFailure);
  expect((error as ToolFailure).output).toContain('no such machine');
  await bench.gone();
});
