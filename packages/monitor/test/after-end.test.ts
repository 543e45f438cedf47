import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { linux } from '@slipway/linux';
import type { Supervision } from '@slipway/plugin-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bench, isProcess, sh, until } from './bench.ts';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench[Symbol.asyncDispose]());

function supervised(script: string, restart?: Supervision['restart']): Supervision {
  const afterEnd = { args: sh(script), env: [`FOLDER=${bench.folder}`, 'PATH=/usr/bin:/bin'] };
  return { ...bench.supervision({ restart }), afterEnd };
}

/** Some time after the monitor, when it would have run. */
async function expectNeverRun(): Promise<void> {
  await sleep(300);
  expect(bench.lines('after')).toEqual([]);
}

test('it runs once, with nothing of the container, when the monitor is gone', async () => {
  const script = [
    'for fd in 0 1 2; do is="$is $(readlink /proc/$$/fd/$fd)"; done',
    'ls /proc/$$/fd >$FOLDER/descriptors',
    'session=$(cut -d" " -f6 /proc/$$/stat)',
    'alive=$(kill -0 $(cat $FOLDER/monitor) 2>/dev/null && echo alive)',
    'lock=$(flock -n $FOLDER/lock echo free)',
    '[ $session = $$ ] && session=own',
    'ignored=$(grep -E "Sig(Ign|Blk)" /proc/$$/status | tr -d "\\n\\t")',
    'echo "$is|$session|$alive|$lock|$(pwd)|$(readlink /proc/$$/ns/mnt)|$(env | sort | tr "\\n" ,)|$ignored" >>$FOLDER/after',
  ].join('\n');
  const lock = openSync(path.join(bench.folder, 'lock'), 'w');
  linux.tryFlock(lock, 'exclusive');
  const supervision = supervised(script, { name: 'on-failure', maximumRetries: 2 });
  const monitor = await bench.run('echo run >>runs; sleep 0.1; exit 3', { supervision, keepOpen: [lock] });
  closeSync(lock);
  writeFileSync(path.join(bench.folder, 'monitor'), String(monitor.pid));
  monitor.release();
  await until(() => bench.lines('after').join('') !== '');
  const [streams, session, alive, free, folder, mounts, env, signals] = (bench.lines('after')[0] ?? '').split('|');
  expect(streams).toBe(' /dev/null /dev/null /dev/null');
  // 10 is where the shell keeps its own output while `ls` writes to the file.
  expect(bench.lines('descriptors').filter((fd) => fd !== '10')).toEqual(['0', '1', '2']);
  expect([session, alive, free, folder]).toEqual(['own', '', 'free', '/']);
  expect(mounts).toBe(readlinkSync('/proc/self/ns/mnt'));
  expect(env).toBe(`FOLDER=${bench.folder},PATH=/usr/bin:/bin,PWD=/,`);
  expect(signals).toBe(`SigBlk:${'0'.repeat(16)}SigIgn:${'0'.repeat(16)}`);
  await sleep(300);
  expect([bench.lines('after').length, bench.lines('runs').length, bench.deletions()]).toEqual([1, 3, 3]);
});

const touch = 'echo after >>$FOLDER/after';

test('it does not run while the creator is there to clean up', async () => {
  const monitor = await bench.run('exit 0', { supervision: supervised(touch) });
  await monitor.ended;
  await expectNeverRun();
});

test('it runs when the creator has left the container to itself, though it is there', async () => {
  const monitor = await bench.run('sleep 0.2', { supervision: supervised(touch), dieWithParent: true });
  await monitor.detach();
  await until(() => bench.lines('after').join('') !== '');
});

test('it does not run where somebody who asked for the deletion is told of it', async () => {
  const monitor = await bench.run('sleep 1000', { supervision: supervised(touch) });
  monitor.release();
  using connection = await bench.connect(monitor);
  await connection.delete();
  await monitor.ended;
  await expectNeverRun();
});

test('it runs where who asked for the deletion is gone', async () => {
  const deletion = { args: sh('echo deleted >>deleted; sleep 0.3'), limitMs: 10_000 };
  const monitor = await bench.run('sleep 1000', { supervision: supervised(touch), deletion });
  monitor.release();
  const connection = await bench.connect(monitor);
  connection.delete().catch(() => {});
  await until(() => bench.deletions() === 1);
  connection[Symbol.dispose]();
  await until(() => bench.lines('after').join('') !== '');
});

test.each([
  ['is missing', { args: ['/nowhere/program'], env: [] }],
  ['cannot be run', { args: ['/dev/null'], env: [] }],
  ['fails', { args: sh('exit 1'), env: [] }],
])('a program that %s does no harm', async (_, afterEnd) => {
  const monitor = await bench.run('exit 0', { supervision: { ...bench.supervision(), afterEnd } });
  monitor.release();
  await until(() => !isProcess(monitor.pid));
  expect(bench.deletions()).toBe(1);
});

test.each(['set up', 'created', 'started'])(
  'a creator killed after "%s" of what dies with it leaves it to the program',
  async (step) => {
    await killedAfter(step, [], `echo after >>${bench.folder}/after`);
    await until(() => bench.lines('after').join('') !== '');
    expect(bench.deletions()).toBe(1);
  },
);

test('it sees the mounts, and the root folder, that its creator saw', async () => {
  const root = path.join(bench.folder, 'root');
  mkdirSync(root);
  const enter = `mount --rbind / ${root}; mount -t tmpfs none ${root}/mnt; echo ours >${root}/mnt/name; exec chroot ${root} "$@"`;
  await killedAfter('started', ['unshare', '-m', 'sh', '-c', enter, 'sh'], `cat /mnt/name >>${bench.folder}/after`);
  await until(() => bench.lines('after').join('') !== '');
  expect(bench.lines('after')).toEqual(['ours']);
});

async function killedAfter(step: string, prefix: readonly string[], script: string): Promise<void> {
  const client = fileURLToPath(new URL('client.ts', import.meta.url));
  const [program = '', ...args] = [...prefix, process.execPath, client, bench.folder, 'true', step, script];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
}
