import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readStatus } from '@slipway/monitor';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bench, isProcess, sh, until } from './bench.ts';

const v1 = '/sys/fs/cgroup/memory';
const isV1 = existsSync(path.join(v1, 'memory.limit_in_bytes'));
const freezers = '/sys/fs/cgroup/freezer';

/** Takes all the memory it gets. */
const hungry = `awk 'BEGIN { s = "x"; for (;;) s = s s }'`;

let bench: Bench;
let cgroup: string;
beforeEach(() => {
  bench = new Bench();
  cgroup = path.join(isV1 ? v1 : '/sys/fs/cgroup', path.basename(bench.folder));
  mkdirSync(cgroup);
  writeFileSync(path.join(cgroup, isV1 ? 'memory.limit_in_bytes' : 'memory.max'), String(20 << 20));
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  await removed(cgroup);
});

/** The kernel lets go of it a moment after its last process. */
async function removed(directory: string): Promise<void> {
  for (;;) {
    try {
      return rmdirSync(directory);
    } catch {
      await sleep(10);
    }
  }
}

function creationIn(directory: string, script: string) {
  const creation = bench.creation(script);
  return { ...creation, args: sh(`echo $$ >${directory}/cgroup.procs; ${creation.args[2]}`) };
}

test('the first process killed for memory: exit, status and event say so', async () => {
  const monitor = await bench.monitor({ supervision: bench.supervision() });
  await monitor.create(creationIn(cgroup, `exec ${hungry}`));
  await monitor.start();
  expect(await monitor.exited).toMatchObject({ exitCode: 137, signal: 9, oomKilled: true });
  expect(readStatus(bench.record)?.exit).toMatchObject({ oomKilled: true });
  expect(bench.events().map(({ action }) => action)).toEqual(['start', 'oom', 'die']);
});

test('another process killed for memory is told when it happens', async () => {
  const monitor = await bench.monitor({ supervision: bench.supervision() });
  await monitor.create(creationIn(cgroup, `${hungry}; until [ -e end ]; do sleep 0.01; done; exit 2`));
  await monitor.start();
  await until(() => bench.events().some(({ action }) => action === 'oom'));
  expect(readStatus(bench.record)?.status).toBe('running');
  writeFileSync(path.join(bench.folder, 'end'), '');
  expect(await monitor.exited).toMatchObject({ exitCode: 2, oomKilled: true });
});

test('bug: a process that was executed in a container and killed for memory at once was not said to be', async () => {
  const first = spawn('sh', ['-c', `echo $$ >${cgroup}/cgroup.procs; echo; exec sleep 1000`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(first.stdout, 'data');
  try {
    const monitor = await bench.monitor({ exec: true, memoryOf: first.pid });
    const [program, pidFile] = [path.join(bench.folder, 'program'), path.join(bench.folder, 'pid')];
    writeFileSync(program, `echo $$ >${pidFile}; echo $$ >${cgroup}/cgroup.procs; exec ${hungry}\n`);
    // Ends when the program has been killed, and is left for the monitor to reap.
    const args = sh(`(/bin/sh ${program} &); until grep -q '^State:.Z' /proc/$(cat ${pidFile})/status; do sleep 0.01; done`);
    await monitor.create({ args, pidFile, limitMs: 60_000 });
    expect(await monitor.exited).toMatchObject({ exitCode: 137, signal: 9, oomKilled: true });
  } finally {
    first.kill('SIGKILL');
  }
});

test('a first process that leaves a note of a memory kill where nobody counts them is believed, once', async () => {
  const restart = { name: 'on-failure', maximumRetries: 1 } as const;
  const monitor = await bench.monitor({ supervision: bench.supervision({ restart }) });
  await monitor.create(bench.creation('[ -e again ] && exit 3; touch again oom; kill -9 $$'));
  await monitor.start();
  const status = await monitor.exited;
  expect(status).toMatchObject({ exitCode: 3 });
  expect(status.oomKilled).toBeUndefined();
  expect(bench.events().map(({ action }) => action)).toEqual(['start', 'oom', 'die', 'start', 'die']);
});

test('what ends in any other way was not killed for memory', async () => {
  const monitor = await bench.monitor();
  await monitor.create(creationIn(cgroup, 'kill -9 $$'));
  await monitor.start();
  const status = await monitor.exited;
  expect(status).toMatchObject({ signal: 9 });
  expect(status.oomKilled).toBeUndefined();
});

test.runIf(existsSync(freezers))('a frozen container is not probed', async () => {
  const freezer = path.join(freezers, path.basename(bench.folder));
  mkdirSync(freezer);
  const health = { args: [], intervalMs: 20, timeoutMs: 5000, startPeriodMs: 0, startIntervalMs: 20, retries: 1 };
  const monitor = await bench.monitor({ supervision: bench.supervision({ health }), probe: sh('echo run >>probes; exit 0') });
  await monitor.create(creationIn(freezer, 'sleep 1000'));
  await monitor.start();
  await until(() => bench.lines('probes').length > 1);
  writeFileSync(path.join(freezer, 'freezer.state'), 'FROZEN');
  await until(() => readFileSync(path.join(freezer, 'freezer.state'), 'utf8') === 'FROZEN\n');
  // One that had begun before it was frozen ends.
  await sleep(1500);
  const before = bench.lines('probes').length;
  await sleep(200);
  expect(bench.lines('probes').length).toBe(before);
  writeFileSync(path.join(freezer, 'freezer.state'), 'THAWED');
  await until(() => bench.lines('probes').length > before);
  await monitor.delete();
  await until(() => !isProcess(monitor.pid));
  await removed(freezer);
});
