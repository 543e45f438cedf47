import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { findMonitor, type MonitorOptions, readStatus, startMonitor, ToolFailure } from '@slipway/monitor';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-monitor-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sh = (script: string) => ['/bin/sh', '-c', script];

function start(options: Partial<MonitorOptions> = {}) {
  return startMonitor({
    folder,
    dieWithParent: true,
    stdin: 'null',
    stdout: 'pipe',
    stderr: 'pipe',
    mounts: [],
    keepOpen: [],
    deletion: { args: sh('echo deleted >deleted'), limitMs: 10_000 },
    ...options,
  });
}

const pidFile = () => path.join(folder, 'pid');
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => (error instanceof ToolFailure ? error : String(error)),
  );

async function gone(pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}`)) await sleep(10);
}

test('it supervises whatever the command leaves: its output, its exit status, its record', async () => {
  const monitor = await start();
  const [stdout, stderr] = [buffer(monitor.stdout!), buffer(monitor.stderr!)];
  const script = `(until [ -e go ]; do sleep 0.01; done; echo out; echo err >&2; exit 42) & echo $! >${pidFile()}`;
  const pid = await monitor.create({ args: sh(script), limitMs: 10_000, pidFile: pidFile() });
  expect(pid).toBe(Number(readFileSync(pidFile(), 'utf8')));
  await monitor.start({ args: sh('touch go'), limitMs: 10_000 });
  const status = await monitor.exited;
  expect(status).toMatchObject({ exitCode: 42 });
  expect(readStatus(folder)).toMatchObject({ status: 'exited', exit: { ...status, oomKilled: false } });
  expect(String(await stdout)).toBe('out\n');
  expect(String(await stderr)).toBe('err\n');
  await monitor.delete();
  await monitor.ended;
  expect(existsSync(path.join(folder, 'deleted'))).toBe(true);
});

test('a command that hangs is killed at its time limit, with all it started', async () => {
  const monitor = await start();
  const script = `sleep 1000 & echo $! >${pidFile()}; echo waiting for nothing >&2; wait`;
  const failed = await failure(monitor.create({ args: sh(script), limitMs: 300, pidFile: pidFile() }));
  expect(failed).toMatchObject({ reason: 'timeout', value: 300, output: 'waiting for nothing\n' });
  await gone(Number(readFileSync(pidFile(), 'utf8')));
  monitor.release();
  await monitor.delete();
  await monitor.ended;
});

test('a command that prints without end is killed, and 4 KiB of it are kept', async () => {
  const monitor = await start();
  const failed = await failure(monitor.create({ args: sh('yes junk'), limitMs: 300, pidFile: pidFile() }));
  expect(failed).toMatchObject({ reason: 'timeout' });
  expect(failed instanceof ToolFailure && failed.output.length).toBe(4096);
  await monitor.delete();
  await monitor.ended;
});

test.each([
  ['exits', 'echo why >&2; exit 9', { reason: 'exit', value: 9, output: 'why\n' }],
  ['is killed', 'kill -11 $$', { reason: 'signal', value: 11 }],
  ['writes no pid', 'exit 0', { reason: 'result' }],
  ['writes junk as pid', 'head -c 100 /dev/urandom >pid', { reason: 'result' }],
  ['writes the pid of a process that is not its child', 'echo 1 >pid', { reason: 'result' }],
  ['writes a pid that is a fifo', 'mkfifo pid', { reason: 'result' }],
])('a command that %s is a failure', async (_, script, expected) => {
  const monitor = await start();
  expect(await failure(monitor.create({ args: sh(script), limitMs: 10_000, pidFile: pidFile() }))).toMatchObject(expected);
  await monitor.delete();
  await monitor.ended;
});

test('a command that is not there is an errno of execve', async () => {
  const monitor = await start();
  const failed = await failure(monitor.create({ args: ['/nowhere/runc'], limitMs: 1000, pidFile: pidFile() }));
  expect(failed).toMatchObject({ reason: 'errno', value: 2, output: 'execve' });
  await monitor.delete();
  await monitor.ended;
});

test('a terminal that never comes is a failure', async () => {
  const monitor = await start();
  const creation = {
    args: sh(`sleep 1000 & echo $! >${pidFile()}`),
    limitMs: 10_000,
    pidFile: pidFile(),
    terminal: { columns: 80, rows: 24 },
  };
  expect(await failure(monitor.create(creation))).toMatchObject({ reason: 'result', output: 'it sent no terminal' });
  await gone(Number(readFileSync(pidFile(), 'utf8')));
  await monitor.delete();
  await monitor.ended;
});

test('a deletion that hangs is reported and can be asked for again', async () => {
  const monitor = await start({ deletion: { args: sh('[ -e second ] || { touch second; sleep 1000; }'), limitMs: 300 } });
  expect(await failure(monitor.delete())).toMatchObject({ request: 'delete', reason: 'timeout' });
  await monitor.delete();
  await monitor.ended;
});

test('a folder whose path is longer than a socket address holds a console socket', async () => {
  const { mkdirSync } = await import('node:fs');
  const deep = path.join(folder, 'a'.repeat(100), 'b'.repeat(100));
  mkdirSync(deep, { recursive: true });
  const monitor = await start({ folder: deep });
  expect(monitor.consoleSocket.length).toBeLessThan(40);
  const script = `test -S ${monitor.consoleSocket} || exit 7; sleep 1000 & echo $! >${pidFile()}`;
  const creation = { args: sh(script), limitMs: 10_000, pidFile: pidFile(), terminal: { columns: 80, rows: 24 } };
  expect(await failure(monitor.create(creation))).toMatchObject({ output: 'it sent no terminal' });
  await monitor.delete();
  await monitor.ended;
});

test('tools see no descriptor, ignored signal or variable of ours', async () => {
  const monitor = await start();
  const script =
    "ls /proc/self/fd >&2; grep -E 'SigIgn|SigBlk' /proc/self/status >&2; cat /proc/self/oom_score_adj >&2; env >&2; exit 1";
  const failed = await failure(monitor.create({ args: sh(script), limitMs: 10_000, pidFile: pidFile() }));
  const output = failed instanceof ToolFailure ? failed.output : '';
  expect(output).toMatch(/SigBlk:\s+0+\nSigIgn:\s+0+\n/);
  // Beyond 0 to 2: the lock that tells that a tool lives, and the directory that ls reads.
  expect(output.split('Sig')[0]?.trim().split('\n')).toHaveLength(5);
  expect(output).toContain(`\n${readFileSync('/proc/self/oom_score_adj', 'utf8')}`);
  expect(output.match(/^[A-Z_]+=/gm)?.sort()).toEqual(expect.not.arrayContaining(['HOME=', 'NODE_OPTIONS=']));
  await monitor.delete();
  await monitor.ended;
});

test('without its program: an error that says how to build it', async () => {
  expect(() => findMonitor('/nowhere/slipway-monitor')).toThrow(
    expect.objectContaining({ kind: 'failed-precondition', code: 'MONITOR_MISSING' }),
  );
  await expect(start({ binary: '/nowhere/slipway-monitor' })).rejects.toMatchObject({ hint: expect.stringContaining('make') });
});

test('a program that is no monitor is an error, not a hang', async () => {
  await expect(start({ binary: '/bin/true' })).rejects.toMatchObject({ kind: 'internal', code: 'MONITOR_LOST' });
});
