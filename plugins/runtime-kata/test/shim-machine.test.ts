import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Monitor, MonitorOptions } from '@slipway/monitor';
import type { RuntimeProcess, TerminalSize } from '@slipway/plugin-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { busyboxTree } from './busybox-tree.ts';
import { readAll, ShimBench, until } from './shim-bench.ts';
import { execRequest, machineSteps, processOf } from './shim-machine.ts';

let bench: ShimBench;
let upper = '';
beforeEach(() => {
  bench = new ShimBench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const applets = ['sh', 'cat', 'dd', 'echo', 'kill', 'ls', 'sleep', 'stty', 'sync', 'touch', 'wc', 'awk', 'date', 'trap'];

function tree(): string {
  return busyboxTree(mkdtempSync(path.join(bench.base, 'tree-')), applets);
}

/** Created and started. */
async function boot(
  process: RuntimeProcess,
  options: Partial<MonitorOptions> = {},
  terminal?: TerminalSize,
  memory?: number,
): Promise<Monitor> {
  const plan = await machineSteps(bench, tree(), process, memory);
  upper = plan.upper;
  bench.plan(plan.steps);
  const monitor = await bench.monitor(options);
  await bench.create(monitor, terminal);
  await monitor.start();
  return monitor;
}

async function exec(process: RuntimeProcess, options: Partial<MonitorOptions> = {}, terminal?: TerminalSize): Promise<Monitor> {
  return await bench.exec(execRequest('box', process), options, terminal);
}

async function outcome(monitor: Monitor) {
  const [stdout, stderr, status] = await Promise.all([readAll(monitor.stdout), readAll(monitor.stderr), monitor.exited]);
  return { stdout, stderr, code: status.exitCode, signal: status.signal };
}

test('a machine: input, output, exit code; other processes with codes, terminals, memory kills, which end with the first one; what was written is on the disk', async () => {
  const streams = { stdout: 'pipe', stderr: 'pipe' } as const;
  const script = 'cat; echo error >&2; echo kept >/kept; exit 7';
  const container = await boot(processOf(script), { ...streams, stdin: 'pipe' }, undefined, 24 << 20);
  showSmall();
  const first = await exec(processOf('echo hello; echo no >&2; exit 3'), streams);
  expect(await outcome(first)).toEqual({ stdout: 'hello\n', stderr: 'no\n', code: 3, signal: undefined });
  const killed = await exec(processOf('kill -USR1 $$'), streams);
  expect(await outcome(killed)).toMatchObject({ code: 138, signal: 10 });
  const counted = await exec(processOf('dd if=/dev/zero bs=1M count=6 2>/dev/null'), streams);
  expect((await outcome(counted)).stdout.length).toBe(6 << 20);
  const left = await exec(processOf('sleep 1000 & echo said'), streams);
  expect(await outcome(left)).toMatchObject({ stdout: 'said\n', code: 0 });
  const terminal = await exec(
    processOf('stty size; read line; stty size; echo "got $line"', { terminal: true, consoleSize: { height: 24, width: 80 } }),
    { stdin: 'pipe', stdout: 'pipe' },
    { columns: 80, rows: 24 },
  );
  let seen = '';
  terminal.stdout?.on('data', (part: Buffer) => {
    seen += part.toString();
  });
  await until(() => /24 80\r\n/.test(seen));
  await terminal.resize({ columns: 132, rows: 50 });
  terminal.stdin?.write('typed\n');
  expect(await terminal.exited).toMatchObject({ exitCode: 0 });
  await until(
    () => /50 132\r\ngot typed\r\n/.test(seen),
    () => seen,
  );
  const hungry = await exec(processOf(`exec awk 'BEGIN { s = "x"; for (;;) s = s s }'`));
  expect(await hungry.exited).toMatchObject({ exitCode: 137, signal: 9 });
  expect(await bench.run('pause', 'box')).toMatchObject({ code: 0 });
  expect(await bench.run('resume', 'box')).toMatchObject({ code: 0 });
  const last = await exec(processOf('echo ready; sleep 1000'), { stdout: 'pipe' });
  let said = '';
  last.stdout?.on('data', (part: Buffer) => {
    said += part.toString();
  });
  await until(() => said === 'ready\n');
  container.stdin?.end('typed\n');
  expect(await outcome(container)).toEqual({ stdout: 'typed\n', stderr: 'error\n', code: 7, signal: undefined });
  expect(await last.exited).toMatchObject({ exitCode: 137, signal: 9 });
  await container.ended;
  await bench.gone();
  const cat = ['-R', 'cat /upper/kept', upper];
  expect(
    execFileSync('debugfs', cat, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: '/sbin:/usr/sbin:/bin:/usr/bin' },
    }),
  ).toBe('kept\n');
});

test('killed with -9 a machine has written what its container had written', async () => {
  const container = await boot(processOf('echo kept >/kept; echo ready; sleep 1000'), { stdout: 'pipe' });
  for await (const part of container.stdout ?? []) if (String(part).includes('ready')) break;
  await container.signal(9);
  expect(await container.exited).toMatchObject({ signal: 9 });
  await container.ended;
  await bench.gone();
  const cat = ['-R', 'cat /upper/kept', upper];
  expect(
    execFileSync('debugfs', cat, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: '/sbin:/usr/sbin:/bin:/usr/bin' },
    }),
  ).toBe('kept\n');
});

test('a terminal of the container, a signal that it handles, and one that ends it', async () => {
  const container = await boot(
    processOf('trap "echo handled" USR1; echo ready; while :; do sleep 0.1; done', { terminal: true }),
    { stdin: 'pipe', stdout: 'pipe' },
    { columns: 90, rows: 30 },
  );
  let seen = '';
  container.stdout?.on('data', (part: Buffer) => {
    seen += part.toString();
  });
  await until(() => seen.includes('ready\r\n'));
  await container.signal(10);
  await until(() => seen.includes('handled\r\n'));
  const sized = await exec(processOf('stty size </dev/console'), { stdout: 'pipe' });
  expect(await readAll(sized.stdout)).toBe('30 90\n');
  // The guest's terminal makes a signal of it.
  container.stdin?.write('\x03');
  expect(await container.exited).toMatchObject({ exitCode: 130 });
});

/** PSS of what stands beside QEMU: of the programs that are built, not of those with checks of a sanitizer. */
function showSmall(): void {
  if (process.env['SLIPWAY_KATA_SHIM'] !== undefined) return;
  const pss = (pid: number) => Number(/^Pss: +(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
  expect(pss(bench.noted('vm')) + pss(bench.noted('init'))).toBeLessThan(500);
}
