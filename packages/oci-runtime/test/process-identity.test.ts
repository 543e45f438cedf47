import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { identityOf, isEnding } from '../src/process-identity.js';

test('bug: a program that could not enter a container whose first process was ending was told as a failure of the runtime', async () => {
  // Nobody reaps the first one.
  const parent = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(said.toString());
    while (identityOf(pid) !== undefined) await sleep(5);
    expect([isEnding(pid), isEnding(parent.pid ?? 0), isEnding(process.pid)]).toEqual([true, false, false]);
  } finally {
    parent.kill('SIGKILL');
    await once(parent, 'close');
  }
  expect(isEnding(parent.pid ?? 0)).toBe(true);
});
