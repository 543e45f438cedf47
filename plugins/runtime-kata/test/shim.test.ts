import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readAll, run, ShimBench, shim, until } from './shim-bench.ts';

let bench: ShimBench;
beforeEach(() => {
  bench = new ShimBench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const killed = (line: string) => line.startsWith('SignalProcess');

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };

test('says what it is', async () => {
  expect((await run([shim, '--version'], '/')).stdout).toBe(`slipway-kata-shim version ${version}\nspec: 1.0.2\n`);
  const { stdout } = await run([shim, '--help'], '/');
  const listed = Array.from(stdout.matchAll(/^\s+([a-z]+)(?:, [a-z]+)*\s/gm), ([, word]) => word);
  expect(listed).toEqual(
    expect.arrayContaining(['create', 'start', 'state', 'kill', 'exec', 'pause', 'resume', 'update', 'delete']),
  );
});

test('create, start, output and exit code; then nothing is left', async () => {
  const monitor = await bench.started(
    { stdout: ['one\n', 'two\n'], stderr: ['three\n'], code: 42 },
    {},
    { stdout: 'pipe', stderr: 'pipe' },
  );
  const [stdout, stderr, status] = await Promise.all([readAll(monitor.stdout), readAll(monitor.stderr), monitor.exited]);
  expect({ stdout, stderr }).toEqual({ stdout: 'one\ntwo\n', stderr: 'three\n' });
  expect(status).toMatchObject({ exitCode: 42 });
  await monitor.ended;
  await bench.gone();
  const asked = bench.requests();
  expect(asked.slice(0, 4)).toEqual(['Check', 'SetGuestDateTime', 'ReseedRandomDev', 'CreateContainer box']);
  // It had ended by itself: nothing is killed.
  expect(asked.slice(-2)).toEqual(['RemoveContainer', 'DestroySandbox']);
  expect(asked.some(killed)).toBe(false);
});

test('input comes back, whole, from a guest that takes it in sips, and its end is told', async () => {
  const text = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join('');
  const monitor = await bench.started({ cat: true, sip: 5000 }, {}, { stdin: 'pipe', stdout: 'pipe' });
  monitor.stdin?.end(text);
  expect(await readAll(monitor.stdout)).toBe(text);
  expect(await monitor.exited).toMatchObject({ exitCode: 0 });
});

test('megabytes of output are passed on to the last byte before the exit is told', async () => {
  const monitor = await bench.started({ flood: 20 << 20, code: 3 }, {}, { stdout: 'pipe' });
  let length = 0;
  for await (const part of monitor.stdout ?? []) length += (part as Buffer).length;
  expect(length).toBe(20 << 20);
  expect(await monitor.exited).toMatchObject({ exitCode: 3 });
});

test('a guest that reads no input gives its writer an end, and goes on', async () => {
  const monitor = await bench.started({ deaf: true, untilSignal: [15] }, {}, { stdin: 'pipe' });
  const broken = new Promise((resolve) => monitor.stdin?.on('error', resolve));
  const writing = setInterval(() => monitor.stdin?.write('more'), 10);
  await broken;
  clearInterval(writing);
  await monitor.signal(15);
  expect(await monitor.exited).toMatchObject({ signal: 15 });
});

test('a reader that has gone does not stop the container', async () => {
  const monitor = await bench.started({ flood: 1 << 20, untilSignal: [15] }, {}, { stdout: 'pipe' });
  monitor.stdout?.destroy();
  await until(() => bench.requests().filter((line) => line.startsWith('ReadStdout')).length > 10);
  await monitor.signal(15);
  expect(await monitor.exited).toMatchObject({ exitCode: 143, signal: 15 });
});

test.each([1, 2, 3, 10, 13, 15, 34, 64])(
  'signal %i goes to the process in the guest, whose end by it is told as it was',
  async (number) => {
    const monitor = await bench.started({ untilSignal: [number] });
    await monitor.signal(number);
    expect(await monitor.exited).toMatchObject({ exitCode: 128 + number, signal: number });
  },
);

test('signals that a process handles, or that end nothing here, arrive and nothing else happens', async () => {
  const monitor = await bench.started({ untilSignal: [15] }, {}, { stdout: 'pipe' });
  const numbers = [17, 18, 20, 21, 22, 23, 28, 32, 33];
  for (const [index, number] of numbers.entries()) {
    await monitor.signal(number);
    // The kernel drops a waiting SIGCONT for SIGTSTP, and the other way round.
    await until(() => bench.requests().filter(killed).length === index + 1);
  }
  await monitor.signal(15);
  expect(await readAll(monitor.stdout)).toBe(numbers.map((number) => `signal ${number}\n`).join(''));
});

test('killed with -9 the guest is told, and writes out what it has before the machine ends', async () => {
  const monitor = await bench.started({ untilSignal: [] });
  await monitor.signal(9);
  expect(await monitor.exited).toMatchObject({ exitCode: 137, signal: 9 });
  await monitor.ended;
  await bench.gone();
  expect(bench.requests().slice(-3)).toEqual(['SignalProcess  9', 'RemoveContainer', 'DestroySandbox']);
});

test('a signal before the start ends the container that waits for it', async () => {
  bench.plan(bench.steps({}));
  const monitor = await bench.monitor();
  await bench.create(monitor);
  expect(JSON.parse((await bench.run('state', 'box')).stdout)).toMatchObject({
    id: 'box',
    status: 'created',
    bundle: bench.folder,
  });
  await monitor.signal(15);
  expect(await monitor.exited).toMatchObject({ signal: 15 });
});

test('what a guest claims to have ended by, but nothing ends by, is an exit code', async () => {
  const monitor = await bench.started({ code: 1, signal: 19 });
  expect(await monitor.exited).toMatchObject({ exitCode: 128 + 19 });
});

test('a memory kill in the guest is told', async () => {
  const events = path.join(bench.base, 'events');
  const monitor = await bench.started(
    { code: 137, signal: 9, oom: true },
    {},
    { supervision: { directory: bench.record, events } },
  );
  expect(await monitor.exited).toMatchObject({ exitCode: 137, signal: 9, oomKilled: true });
  expect(readFileSync(events, 'utf8')).toContain('"oom"');
});

test('another process: output, exit code, and its own end when its shim is killed', async () => {
  const container = await bench.started({ untilSignal: [15] });
  const first = await bench.exec({ stdout: ['hello\n'], code: 7 }, { stdout: 'pipe' });
  expect(await readAll(first.stdout)).toBe('hello\n');
  expect(await first.exited).toMatchObject({ exitCode: 7 });
  expect(bench.requests().some(killed)).toBe(false);
  const second = await bench.exec({ untilSignal: [15] });
  await second.signal(9);
  expect(await second.exited).toMatchObject({ signal: 9 });
  await until(() => bench.requests().some((line) => /^SignalProcess [0-9a-f]{32} 9$/.test(line)));
  await container.signal(15);
  expect(await container.exited).toMatchObject({ signal: 15 });
});

test('a probe in the foreground has the output and the exit code of its process', async () => {
  await bench.started({ untilSignal: [15] });
  const file = bench.request(bench.folder, { stdout: ['well\n'], stderr: ['words\n'], code: 3 });
  expect(await bench.run('exec', '--process', file, 'box')).toEqual({ code: 3, stdout: 'well\n', stderr: 'words\n' });
});

test('what the agent says of a command that is not there is passed on', async () => {
  const said = 'executable file `nope` not found in $PATH: No such file or directory';
  await bench.started({ untilSignal: [15] }, { at: { ExecProcess: { error: said } } });
  const { code, stderr } = await bench.run('exec', '--detach', '--process', bench.request(bench.folder, {}), 'box');
  expect(code).toBe(1);
  expect(JSON.parse(stderr)).toMatchObject({ level: 'error', msg: said });
});

test('a terminal: its size at once and when it changes, its bytes both ways', async () => {
  bench.plan(bench.steps({}, { cat: true }));
  const monitor = await bench.monitor({ stdin: 'pipe', stdout: 'pipe' });
  let seen = '';
  monitor.stdout?.on('data', (part: Buffer) => {
    seen += part.toString();
  });
  await bench.create(monitor, { columns: 80, rows: 24 });
  await monitor.start();
  await until(() => seen.includes('size 24 80\n'));
  await monitor.resize({ columns: 132, rows: 50 });
  await until(() => seen.includes('size 50 132\n'));
  monitor.stdin?.write('typed\x03\n');
  await until(() => seen.includes('typed\x03\n'));
  await monitor.signal(15);
  expect(await monitor.exited).toMatchObject({ signal: 15 });
});

test('another process with a terminal', async () => {
  await bench.started({ untilSignal: [15] });
  const monitor = await bench.exec({ printsSize: true }, { stdin: 'pipe', stdout: 'pipe' }, { columns: 100, rows: 30 });
  expect(await readAll(monitor.stdout)).toBe('size 30 100\n');
  expect(await monitor.exited).toMatchObject({ exitCode: 0 });
});

test('a reader that stalls holds up its own output and nothing else', async () => {
  const container = await bench.started({ flood: 8 << 20, untilSignal: [15] }, {}, { stdout: 'pipe' });
  await until(() => bench.requests().some((line) => line.startsWith('ReadStdout')));
  for (let i = 0; i < 3; i++) {
    const monitor = await bench.exec({ stdout: ['quick\n'] }, { stdout: 'pipe' });
    expect(await readAll(monitor.stdout)).toBe('quick\n');
  }
  const reads = () => bench.requests().filter((line) => line === 'ReadStdout box').length;
  expect(reads()).toBeLessThan(30);
  await container.signal(15);
  expect((await readAll(container.stdout)).length).toBe(8 << 20);
  expect(await container.exited).toMatchObject({ signal: 15 });
});

test('who holds the output open after the end is left behind', async () => {
  const monitor = await bench.started({ stdout: ['last words\n'], code: 5, holdsOutput: true }, {}, { stdout: 'pipe' });
  expect(await readAll(monitor.stdout)).toBe('last words\n');
  expect(await monitor.exited).toMatchObject({ exitCode: 5 });
});

test('state, pause, resume, update and kill', async () => {
  const monitor = await bench.started({ untilSignal: [15] }, {}, { stdout: 'pipe' });
  const state = async () => (JSON.parse((await bench.run('state', 'box')).stdout) as { status: string }).status;
  expect(await state()).toBe('running');
  expect(await bench.run('pause', 'box')).toMatchObject({ code: 0 });
  expect(await state()).toBe('paused');
  expect(await bench.run('resume', 'box')).toMatchObject({ code: 0 });
  expect(await state()).toBe('running');
  const resources = path.join(bench.folder, 'resources.json');
  writeFileSync(`${resources}.pb`, Buffer.from([10, 3, ...Buffer.from('box')]));
  expect(await bench.run('update', '--resources', resources, 'box')).toMatchObject({ code: 0 });
  expect(await bench.run('kill', 'box', 'SIGUSR1')).toMatchObject({ code: 0 });
  expect(await bench.run('kill', '--all', 'box', '12')).toMatchObject({ code: 0 });
  expect(bench.requests()).toEqual(
    expect.arrayContaining(['PauseContainer', 'ResumeContainer', 'UpdateContainer', 'SignalProcess box 10', 'SignalProcess  12']),
  );
  expect(await bench.run('kill', 'box', 'nope')).toMatchObject({ code: 1 });
  expect(await bench.run('kill', 'box', 'TERM')).toMatchObject({ code: 0 });
  expect(await readAll(monitor.stdout)).toBe('signal 10\nsignal 12\n');
});

test('a deletion needs --force while the container runs, and is content with nothing', async () => {
  expect(await bench.run('delete', 'box')).toMatchObject({ code: 0 });
  expect(await bench.run('state', 'box')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('container \\"box\\" does not exist') as string,
  });
  const monitor = await bench.started({ untilSignal: [15] });
  expect(await bench.run('delete', 'box')).toMatchObject({ code: 1, stderr: expect.stringContaining('not stopped') as string });
  expect(await bench.run('delete', '--force', 'box')).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(await monitor.exited).toMatchObject({ signal: 9 });
  await bench.gone();
});

test('restarts by policy run the same plan again', async () => {
  const restart = { name: 'on-failure', maximumRetries: 2 } as const;
  const monitor = await bench.started(
    { stdout: ['again\n'], code: 1 },
    {},
    { stdout: 'pipe', supervision: { directory: bench.record, events: path.join(bench.base, 'events'), restart } },
  );
  expect(await readAll(monitor.stdout)).toBe('again\nagain\nagain\n');
  expect(await monitor.exited).toMatchObject({ exitCode: 1 });
  await monitor.ended;
  await bench.gone();
});

test('the daemon and the container process are small', async () => {
  const monitor = await bench.started({ flood: 4 << 20, untilSignal: [15] }, {}, { stdout: 'pipe' });
  let length = 0;
  monitor.stdout?.on('data', (part: Buffer) => {
    length += part.length;
  });
  await until(() => length === 4 << 20);
  const pss = (pid: number) => Number(/^Pss: +(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
  expect(pss(bench.noted('vm')) + pss(bench.noted('init'))).toBeLessThan(500);
});

test('folders whose paths are longer than the address of a socket', async () => {
  await using long = new ShimBench('c'.repeat(64), path.join('r'.repeat(90), 's'.repeat(90)));
  const monitor = await long.started({ untilSignal: [15] });
  const exec = await long.exec({ stdout: ['far away\n'] }, { stdout: 'pipe' });
  expect(await readAll(exec.stdout)).toBe('far away\n');
  await monitor.signal(15);
  expect(await monitor.exited).toMatchObject({ signal: 15 });
  await monitor.ended;
  await long.gone();
});

test('a helper finds its socket listening, with one connection for QEMU, and no name of it is left', async () => {
  const server = `require('net').createServer((c) => { c.on('data', () => {}); console.error('connected'); }).listen({ fd: Number(process.argv[1]) })`;
  const socket = path.join(bench.folder, 'share.sock');
  const steps = bench.steps({ silent: true }).map((step) => (step[0] === 'boot-limit' ? ['boot-limit', '4000'] : step));
  const [user = [], limit = [], ...rest] = steps;
  bench.plan([user, limit, ['helper', socket, process.execPath, '-e', server, '@listen@'], ...rest]);
  const { code, stderr } = await bench.run('create', 'box');
  expect(code).toBe(1);
  expect(stderr).toContain('waiting for the agent: connected; console: nothing');
  expect(existsSync(socket)).toBe(false);
  await bench.gone();
});

test('a tap device of another network is handed on', async () => {
  const name = path.basename(bench.base);
  execFileSync('ip', ['netns', 'add', name]);
  try {
    execFileSync('ip', ['-n', name, 'tuntap', 'add', 'tap7', 'mode', 'tap', 'vnet_hdr']);
    bench.plan([['tap', '40', `/run/netns/${name}`, 'tap7'], ...bench.steps({}, { untilSignal: [15] })]);
    const monitor = await bench.monitor();
    await bench.create(monitor);
    expect(readFileSync(`/proc/${bench.noted('qemu')}/fdinfo/40`, 'utf8')).toMatch(/^iff:\s+tap7$/m);
    await monitor.signal(15);
    await monitor.ended;
  } finally {
    execFileSync('ip', ['netns', 'delete', name]);
  }
});
