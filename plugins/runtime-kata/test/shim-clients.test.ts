import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readAll, ShimBench, until } from './shim-bench.ts';
import { field, frame } from './shim-wire.ts';

let bench: ShimBench;
beforeEach(() => {
  bench = new ShimBench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** Asks, and is gone before there is an answer. */
async function askAndGo(method: string, verb: string): Promise<void> {
  const before = bench.requests().length;
  const [binary = '', ...args] = bench.args(verb, 'box');
  const client = spawn(binary, args, { cwd: bench.folder, stdio: 'ignore' });
  const gone = once(client, 'exit');
  await until(() =>
    bench
      .requests()
      .slice(before)
      .some((line) => line.startsWith(method)),
  );
  client.kill('SIGKILL');
  await gone;
}

test('the rest of an answer to one who has gone is nobody else’s', async () => {
  const forged = frame(1, 2, field(1, Buffer.concat([field(1, 2), field(2, 'forged')])));
  const split = { header: 'ResumeContainer', payload: 'SignalProcess', bytes: forged.toString('hex') };
  await bench.started({ untilSignal: [15] }, { at: { PauseContainer: { split }, ResumeContainer: { hang: true } } });
  await askAndGo('PauseContainer', 'pause');
  await askAndGo('ResumeContainer', 'resume');
  expect(await bench.run('kill', 'box', '10')).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('a guest that answers nothing keeps no places of those who have gone', async () => {
  await bench.started({ untilSignal: [15] }, { at: { PauseContainer: { hang: true } } });
  for (let left = 60; left > 0; left--) await askAndGo('PauseContainer', 'pause');
  const exec = await bench.exec({ stdout: ['here\n'] }, { stdout: 'pipe' });
  expect(await readAll(exec.stdout)).toBe('here\n');
  expect(await exec.exited).toMatchObject({ exitCode: 0 });
});

test('a daemon that takes no connection is an error, no wait without end', async () => {
  await bench.started({ untilSignal: [15] });
  const daemon = bench.noted('vm');
  process.kill(daemon, 'SIGSTOP');
  const folder = openSync(path.join(bench.root, 'box'), 'r');
  const waiting = Array.from({ length: 80 }, () => connect(`/proc/self/fd/${folder}/agent.sock`).on('error', () => {}));
  try {
    await until(() => waiting.every((socket) => !socket.connecting));
    expect(await bench.run('kill', 'box', '10')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the daemon of the virtual machine of \\"box\\" takes no more connections') as string,
    });
  } finally {
    for (const socket of waiting) socket.destroy();
    closeSync(folder);
    process.kill(daemon, 'SIGCONT');
  }
  expect(await bench.run('kill', 'box', '10')).toMatchObject({ code: 0 });
});
