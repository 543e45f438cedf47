import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { readStatus, ToolFailure } from '@slipway/monitor';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bench, isProcess, sh, until } from './bench.ts';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench[Symbol.asyncDispose]());

/**
 * As `runc exec --detach`: the program runs when the command ends. It begins when the shell that started it is gone, and it the monitor's child: a shell may reap what
 * ends before.
 */
function execution(script: string, folder = bench.folder) {
  const pidFile = path.join(folder, 'pid');
  const program = 'while [ -d /proc/$STARTER ]; do sleep 0.005; done; eval "$SCRIPT"';
  const starter = `STARTER=$$ /bin/sh -c "$PROGRAM" <&3 3<&- & echo $! >${pidFile}`;
  return {
    args: sh(`exec 3<&0; export SCRIPT='${script}' PROGRAM='${program}'; /bin/sh -c '${starter}'`),
    pidFile,
    limitMs: 10_000,
  };
}

test('what is printed during the creation is the output of the program', async () => {
  const monitor = await bench.monitor({ exec: true, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' });
  const output = Promise.all([text(monitor.stdout!), text(monitor.stderr!)]);
  const { args, ...rest } = execution('echo early; echo error >&2; cat; exit 9');
  await monitor.create({ ...rest, args: sh(`${args[2]}; sleep 0.3`) });
  expect(readStatus(bench.folder)).toMatchObject({ status: 'running' });
  monitor.stdin?.end('input');
  expect(await output).toEqual(['early\ninput', 'error\n']);
  expect(await monitor.exited).toMatchObject({ exitCode: 9 });
  await expect(monitor.start()).rejects.toThrow();
  await monitor.ended;
  expect(bench.deletions()).toBe(1);
});

test('what a command prints that fails is its message', async () => {
  const monitor = await bench.monitor({ exec: true, stdout: 'pipe', stderr: 'pipe' });
  const output = text(monitor.stdout!);
  const failed = await monitor.create({ ...execution(''), args: sh('echo out; echo why >&2; exit 255') }).catch((error) => error);
  expect(failed).toBeInstanceOf(ToolFailure);
  expect(failed).toMatchObject({ reason: 'exit', value: 255, output: 'out\nwhy\n' });
  expect(await output).toBe('');
  await monitor.delete();
  await monitor.ended;
});

test('a command that fails and fills its pipe is killed at its time', async () => {
  const monitor = await bench.monitor({ exec: true, stdout: 'pipe' });
  const failed = monitor.create({ ...execution(''), args: sh('yes; exit 1'), limitMs: 300 });
  await expect(failed).rejects.toMatchObject({ reason: 'timeout', value: 300 });
  await monitor.delete();
});

test('a program that has ended before its command has: its end and its output are told', async () => {
  const monitor = await bench.monitor({ exec: true, stdout: 'pipe' });
  const output = text(monitor.stdout!);
  const { args, ...rest } = execution('echo short; exit 5');
  await monitor.create({ ...rest, args: sh(`${args[2]}; sleep 0.2`) });
  expect(await monitor.exited).toMatchObject({ exitCode: 5 });
  expect(await output).toBe('short\n');
});

test('without a command for its deletion its folder is removed', async () => {
  const folder = path.join(bench.folder, 'exec');
  mkdirSync(folder);
  const monitor = await bench.monitor({ exec: true, folder, deletion: undefined, stdout: 'pipe' });
  monitor.stdout?.resume();
  await monitor.create(execution('exit 3', folder));
  expect(await monitor.exited).toMatchObject({ exitCode: 3 });
  await monitor.ended;
  expect(existsSync(folder)).toBe(false);
});

test('it dies with its parent when it is to', async () => {
  const monitor = await bench.monitor({ exec: true, dieWithParent: true });
  const pid = await monitor.create(execution('sleep 1000'));
  process.kill(monitor.pid, 'SIGTERM');
  await monitor.ended;
  expect(isProcess(pid)).toBe(false);
});

test('mounts that are not to be seen are gone for the commands, and stay for everybody else', async () => {
  const mounted = path.join(bench.folder, 'mounted');
  mkdirSync(mounted);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', mounted]);
  try {
    writeFileSync(path.join(mounted, 'file'), '');
    const plain = path.join(bench.folder, 'record');
    const monitor = await bench.monitor({ unmount: [mounted, plain, path.join(bench.folder, 'missing')] });
    await monitor.create(bench.creation('ls mounted >seen; exit 0'));
    await monitor.start();
    await monitor.exited;
    expect(readFileSync(path.join(bench.folder, 'seen'), 'utf8')).toBe('');
    expect(readFileSync(path.join(mounted, 'file'), 'utf8')).toBe('');
    await until(() => !isProcess(monitor.pid));
  } finally {
    execFileSync('umount', [mounted]);
  }
});
