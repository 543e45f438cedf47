import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as os from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, test } from 'vitest';
import { readHostFacts } from '../dist/bundle/index.js';

const init = readHostFacts().initProgram ?? '';
const folder = fs.mkdtempSync(join(os.tmpdir(), 'slipway-init-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const exitCode = (script: string) => spawnSync(init, ['--', 'sh', '-c', script]).status;

/** As process 1 of a namespace of its own, with a line of its program's output for each call of `line`. */
function first(script: string): { readonly child: ChildProcess; line(): Promise<string> } {
  const child = spawn('unshare', ['--pid', '--fork', '--mount-proc', '--kill-child', init, '--', 'bash', '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, line: async () => (await lines.next()).value ?? '' };
}

/** Of `unshare`'s only child, as this process sees it. */
const pidOfInit = (child: ChildProcess) =>
  Number(fs.readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());

describe('the exit code', () => {
  test.each([0, 1, 42, 255])('%d is the program’s', (code) => {
    expect(exitCode(`exit ${code}`)).toBe(code);
  });

  test.each([1, 9, 11, 15, 64])('of a program that signal %d ends is 128 and the number', (signal) => {
    expect(exitCode(`ulimit -c 0; kill -${signal} $$`)).toBe(128 + signal);
  });

  test('126 and 127 for a program that cannot be executed, and is not there', () => {
    expect(spawnSync(init, ['--', '/etc/passwd']).status).toBe(126);
    expect(spawnSync(init, ['--', '/etc']).status).toBe(126);
    expect(spawnSync(init, ['--', '/no/such']).status).toBe(127);
    expect(spawnSync(init, ['--', 'no-such-program']).status).toBe(127);
  });

  test.each([[[]], [['--']], [['sh']], [['sh', '--', 'x']]])('wrong use %j is 125', (args) => {
    const { status, stderr } = spawnSync(init, args, { encoding: 'utf8' });
    expect([status, stderr]).toEqual([125, 'usage: slipway-init -- PROGRAM [ARGUMENT...]\n']);
  });
});

describe('process 1', () => {
  // 34 and 64 are the ends of what users call real-time signals; C libraries keep some of them from programs.
  test.each([1, 2, 3, 10, 12, 15, 18, 28, 34, 35, 64])('passes signal %d on', async (signal) => {
    const { child, line } = first(`trap 'echo got; exit 7' ${signal}; echo ready; while :; do sleep 0.05; done`);
    expect(await line()).toBe('ready');
    process.kill(pidOfInit(child), signal);
    expect(await line()).toBe('got');
    expect((await once(child, 'exit'))[0]).toBe(7);
  });

  test('reaps what is left to it, however many end at once', async () => {
    const { child, line } = first(
      'for i in $(seq 200); do (true & ) ; done; for i in $(seq 100); do [ $(ls -d /proc/[0-9]* | wc -l) -le 4 ] && break; sleep 0.1; done; cat /proc/[0-9]*/stat 2>/dev/null | grep -c ") Z "; true',
    );
    expect(await line()).toBe('0');
    expect((await once(child, 'exit'))[0]).toBe(0);
  });

  test('ends with the program, and what is left of it too', async () => {
    const file = join(folder, 'left');
    const { child } = first(
      `(trap '' TERM; while :; do touch ${file}; sleep 0.02; done) & while [ ! -e ${file} ]; do sleep 0.02; done; exit 5`,
    );
    expect((await once(child, 'exit'))[0]).toBe(5);
    fs.rmSync(file);
    const busy = () =>
      fs
        .readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .some((pid) => commandOf(pid).includes(file));
    expect(busy()).toBe(false);
  });
});

function commandOf(pid: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

test('where it is not process 1 it is the reaper of its descendants', () => {
  const script =
    'sh -c "sleep 0.2 & echo \\$! \\$PPID"; p=$PPID; c=/proc/$p/task/$p/children; while [ "$(wc -w < $c)" != 1 ]; do sleep 0.05; done; echo alone';
  const { stdout, status } = spawnSync(init, ['--', 'sh', '-c', script], { encoding: 'utf8', timeout: 60_000 });
  expect(status).toBe(0);
  const [[orphan, parent] = [], alone] = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  expect(orphan).not.toBe(parent);
  expect(alone).toEqual(['alone']);
});

test('the program has the signals that were ignored and blocked before, and SIGCHLD is never lost', () => {
  const script = 'trap "" INT CHLD; exec "$0" -- grep -E "^Sig(Blk|Ign)" /proc/self/status';
  const { stdout, status } = spawnSync('bash', ['-c', script, init], { encoding: 'utf8' });
  expect(status).toBe(0);
  expect(stdout).toMatch(/SigBlk:\t0+\nSigIgn:\t0*[0-9a-f]*2\n/);
});

test('the program is in the foreground of its terminal: what is typed reaches it once', () => {
  const script = `${init} -- bash -c 'trap "echo int; n=\\$((n+1))" INT; ps -o pgid=,tpgid= -p $$ | xargs; kill -INT 0; sleep 0.1; echo "$n"'`;
  const { stdout } = spawnSync('script', ['-qec', script, '/dev/null'], { encoding: 'utf8', input: '', timeout: 60_000 });
  const [groups = '', ...rest] = stdout.split('\r\n').map((line) => line.trim());
  const [group, foreground] = groups.split(' ');
  expect(group).toBe(foreground);
  expect(rest).toEqual(['int', '1', '']);
});
