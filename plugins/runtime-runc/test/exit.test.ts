import { afterEach, beforeEach, expect, test } from 'vitest';
import { Host } from './host.ts';

let host: Host;
beforeEach(() => {
  host = new Host();
});
afterEach(() => {
  host.expectClean();
  host[Symbol.dispose]();
});

test.each([0, 1, 2, 126, 127, 128, 137, 254, 255])('exit code %i is exact', async (code) => {
  const status = await host.run(['sh', '-c', `exit ${code}`]);
  expect(status.exitCode).toBe(code);
  expect(status.signal).toBeUndefined();
  expect(Number.isNaN(Date.parse(status.exitedAt))).toBe(false);
});

test.each([1, 9, 15, 34])('128 + n for signal %i', async (signal) => {
  const container = await host.create(['sh', '-c', 'trap - 1 15; echo up; while :; do sleep 1; done']);
  await container.start();
  container.stderr?.resume();
  for await (const _ of container.stdout ?? []) {
    // The first process of a pid namespace takes no signal without a handler but SIGKILL, not even from outside... of its parent namespace it does.
    await container.kill(signal === 9 ? 9 : signal);
    if (signal !== 9) await container.kill(9);
    break;
  }
  const status = await container.wait();
  expect([128 + signal, 137]).toContain(status.exitCode);
  await expect(container.kill(15)).rejects.toMatchObject({ kind: 'not-found' });
  await host.runtime.delete(container.id);
});
