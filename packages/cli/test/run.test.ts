import { spawn } from 'node:child_process';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, startHost } from './registry.js';
import { finished, launcher } from './slipway.js';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host[Symbol.asyncDispose]());

const run = (args: readonly string[], input?: string | Buffer) => host.place.run(['run', ...args], input);

test.each([0, 1, 2, 125, 137, 255])('the exit code %d is the command’s own', async (code) => {
  expect((await run([host.image, 'sh', '-c', `exit ${code}`])).code).toBe(code);
});

test('a command that a signal ends gives 128 + n', async () => {
  expect((await run([host.image, 'sh', '-c', 'sh -c "kill -9 \\$\\$"; exit $?'])).code).toBe(137);
});

test('126 for what cannot be executed, 127 for what is not there, 125 for what we cannot do', async () => {
  expect([(await run([host.image, '/etc/passwd'])).code, (await run([host.image, '/etc'])).code]).toEqual([126, 126]);
  const missing = await run([host.image, 'no-such-command']);
  expect([missing.code, missing.out]).toEqual([127, '']);
  expect(missing.err).toMatch(/^slipway: .*no-such-command.*\n/);
  expect((await run(['--name', '../x', host.image, 'true'])).code).toBe(125);
  expect((await run(['--pull', 'never', 'no-such-image', 'true'])).code).toBe(125);
  expect((await run(['--user', 'nobody-here', host.image, 'true'])).code).toBe(125);
});

test('bug: 137 was all that was said of a container that ran out of memory', async () => {
  const fill = 'sleep 0.2; dd if=/dev/zero of=/dev/null bs=64M count=1';
  const line = (name: string): string =>
    `slipway: container "${name}" ran out of memory: the kernel killed a process of it at its limit of 16 MiB\n`;
  const limited = ['--rm', '-m', '16m', '--name', 'full'];
  expect(await run([...limited, host.image, 'sh', '-c', fill])).toMatchObject({ code: 137, err: line('full') });
  expect(await run([...limited, host.image, 'sh', '-c', `${fill}; exit 0`])).toMatchObject({ code: 0, err: 'Killed\n' });
  await run(['-d', '-m', '16m', '--name', 'roomy', host.image, 'sleep', '1000']);
  expect(await host.place.run(['exec', 'roomy', 'sh', '-c', fill])).toMatchObject({ code: 137, err: line('roomy') });
  await host.place.run(['rm', '-f', 'roomy']);
});

test('bug: where the monitor of a foreground container was killed, nothing said that the container runs on', async () => {
  const child = host.place.start(['run', '--name', 'alone', host.image, 'sh', '-c', 'echo up; sleep 1000']);
  const result = finished(child);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  const inContainer = JSON.parse((await host.place.run(['inspect', 'alone'])).out) as readonly { readonly pid: number }[];
  const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${inContainer[0]?.pid}/status`, 'utf8'))?.[1];
  process.kill(Number(parent), 'SIGKILL');
  const { code, err } = await result;
  expect(code).toBe(125);
  expect(err).toMatch(
    /^slipway: container "alone" runs on, but its monitor was killed: .*\nhint: slipway exec alone .*slipway restart alone/,
  );
  expect((await host.place.run(['exec', 'alone', 'echo', 'still'])).out).toBe('still\n');
  await host.place.run(['rm', '-f', 'alone']);
});

test('stdout and stderr are apart and exact to the byte', async () => {
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256));
  const result = await run(['-i', host.image, 'sh', '-c', 'tee /dev/stderr | cat'], bytes);
  expect(result.code).toBe(0);
  expect(result.stdout.equals(bytes)).toBe(true);
  expect(result.stderr.equals(bytes)).toBe(true);
});

test('-a gives only the streams that it names, and nothing else is lost', async () => {
  const both = ['sh', '-c', 'cat; echo to stdout; echo to stderr >&2; exit 3'];
  expect(await run(['--rm', '-a', 'stdout', host.image, ...both], 'unseen')).toMatchObject({
    code: 3,
    out: 'to stdout\n',
    err: '',
  });
  expect(await run(['--name', 'half', '--attach', 'stderr', host.image, ...both])).toMatchObject({ out: '', err: 'to stderr\n' });
  expect((await host.place.run(['logs', 'half'])).out).toBe('to stdout\n');
  const all = await run(['--rm', '-i', '-a', 'stdin', '-a', 'stdout', '-a', 'stderr', host.image, ...both], 'seen ');
  expect(all).toMatchObject({ out: 'seen to stdout\n', err: 'to stderr\n' });
  const detached = await run(['-d', '-a', 'stdout', host.image, 'true']);
  expect(detached).toMatchObject({ code: 125, err: expect.stringContaining('-a and -d contradict each other') });
  expect(await run(['-a', 'output', host.image, 'true'])).toMatchObject({
    code: 125,
    err: expect.stringContaining('stdin, stdout'),
  });
  await host.place.run(['rm', 'half']);
});

test('without -i stdin is empty, whatever ours is', async () => {
  expect((await run([host.image, 'cat'], 'not for it')).out).toBe('');
});

test('stdin from a file is the very file', async () => {
  const file = host.place.file('input');
  writeFileSync(file, 'first\nsecond\n');
  const child = host.place.start(['run', '-i', host.image, 'sh', '-c', 'read line; echo "$line"; cat'], {
    stdio: [openSync(file, 'r'), 'pipe', 'pipe'],
  });
  expect((await finished(child)).out).toBe('first\nsecond\n');
});

test('a closed stdin and closed outputs do no harm', async () => {
  const command = `${launcher} run -i ${host.image} sh -c 'cat; exit 4' <&-; echo $?; ${launcher} run ${host.image} sh -c 'exit 5' >&- 2>&-; echo $?`;
  const { out } = await finished(spawn('sh', ['-c', command], { env: host.place.env, stdio: ['ignore', 'pipe', 'pipe'] }));
  expect(out).toBe('4\n5\n');
});

test('in the middle of a pipeline, with a reader that leaves early', async () => {
  const command = `seq 5 | ${launcher} run -i ${host.image} sed 's/$/!/' | head -2; ${launcher} run ${host.image} sh -c 'while echo y; do :; done 2>/dev/null' | head -1`;
  const { out, err, code } = await finished(
    spawn('bash', ['-c', command], { env: host.place.env, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  expect([code, out, err]).toEqual([0, '1!\n2!\ny\n', '']);
});

test('what stands after the image belongs to the command', async () => {
  expect((await run(['--rm', host.image, 'echo', '-e', '--name', '--', '-h', '--json'])).out).toBe('--name -- -h --json\n');
});

test('variables: given, taken from our own environment, from files, the last wins', async () => {
  const file = host.place.file('variables');
  writeFileSync(file, '# comment\n\nA=from file\nB=  kept "as" is \nHOME\nNOT_SET_HERE\n');
  const args = [
    'run',
    '-e',
    'A=last',
    '--env',
    'EMPTY=',
    '-e',
    'OWN',
    '-e',
    'NOT_SET_HERE',
    '--env-file',
    file,
    host.image,
    'env',
  ];
  const { out } = await host.place.run(args, undefined, { env: { ...host.place.env, OWN: 'ours=1', SECRET: 'stays here' } });
  const lines = out.split('\n');
  for (const line of ['A=last', 'B=  kept "as" is ', 'EMPTY=', 'OWN=ours=1', `HOME=${host.place.folder}`])
    expect(lines).toContain(line);
  expect(out).not.toMatch(/NOT_SET_HERE|SECRET|comment/);
});

test('an env file that is wrong is named with its line, and its values are not', async () => {
  const file = host.place.file('broken-variables');
  writeFileSync(file, 'A=1\nTO KEN=hidden\n');
  const { code, err } = await run(['--env-file', file, host.image, 'true']);
  expect(code).toBe(125);
  expect(err).toContain(`env file "${file}" line 2 has white space`);
  expect(err).not.toContain('hidden');
  expect((await run(['--env-file', host.place.file('nowhere'), host.image, 'true'])).err).toContain('nowhere');
});

test('settings reach the container: name, directory, user, host name, network, read-only root', async () => {
  const script = 'pwd; id -u; id -g; hostname; ls /sys/class/net; touch /x 2>&1';
  const args = [
    '--name',
    'settings',
    '-w',
    '/var',
    '-u',
    '7:8',
    '-h',
    'there',
    '--network',
    'none',
    '--read-only',
    host.image,
    'sh',
    '-c',
    script,
  ];
  const { out } = await run(args);
  expect(out).toBe('/var\n7\n8\nthere\nlo\ntouch: /x: Read-only file system\n');
  const interfaces = (await run(['--network=host', host.image, 'ls', '/sys/class/net'])).out.split('\n');
  expect(interfaces.length).toBeGreaterThanOrEqual(readFileSync('/proc/net/dev', 'utf8').trim().split('\n').length - 2);
});

test('--entrypoint is one word; an empty one leaves the arguments alone', async () => {
  expect((await run(['--entrypoint', 'echo', host.image, 'a', 'b'])).out).toBe('a b\n');
  expect((await run(['--entrypoint', '', host.image, 'echo', 'c'])).out).toBe('c\n');
  expect((await run(['--entrypoint=', host.image])).code).toBe(125);
});

test('-t without a terminal for -i says so as docker does, before anything happens', async () => {
  const { code, err } = await run(['-it', host.image, 'true'], '');
  expect(code).toBe(125);
  expect(err).toContain('the input device is not a TTY');
});

test('-t alone gives the container a terminal; output is one stream', async () => {
  const { out, err, code } = await run(['-t', host.image, 'sh', '-c', 'test -t 0 && test -t 1 && test -t 2 && echo yes >&2']);
  expect([code, out, err]).toEqual([0, 'yes\r\n', '']);
});

test('a missing image is pulled with progress on stderr; -q is silent', async () => {
  const demo = `${host.registry.address}/test/demo`;
  const first = await run([demo, 'echo', 'here']);
  expect(first.out).toBe('here\n');
  expect(first.err).toContain(`Resolving ${demo}:latest\n`);
  const quiet = await run(['-q', '--pull', 'always', demo, 'echo', 'here']);
  expect([quiet.out, quiet.err]).toEqual(['here\n', '']);
});

test('wrong use is 125 and told as JSON when asked for', async () => {
  const { code, err, out } = await run(['--json', '--nmae', 'x', host.image]);
  expect([code, out]).toEqual([125, '']);
  expect(JSON.parse(err)).toMatchObject({ code: 'USAGE', hint: expect.stringContaining('did you mean --name?') as string });
  for (const args of [
    [],
    ['--network', 'host', '--network', 'web', host.image],
    ['-p', '80:x', host.image],
    ['--platform', 'x', host.image],
    ['-e'],
  ]) {
    expect((await run(args)).code).toBe(125);
  }
});
