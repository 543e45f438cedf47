import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CreateRequest } from '@slipway/plugin-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectClean } from './expect-clean.ts';
import { Host } from './host.ts';

let host: Host;
beforeEach(() => {
  host = new Host();
});
afterEach(() => {
  using _ = host;
  expectClean(host);
});

test.each([0, 1, 2, 126, 127, 128, 137, 254, 255])('exit code %i is exact', async (code) => {
  const status = await host.run(['sh', '-c', `exit ${code}`]);
  expect(status.exitCode).toBe(code);
  expect(status.signal).toBeUndefined();
  expect(Number.isNaN(Date.parse(status.exitedAt))).toBe(false);
});

// The first process of a pid namespace ignores what it has no handler for, but for SIGKILL: here it is in the host's.
test.each([1, 9, 15, 34, 64])('signal %i that ends the program is 128 + n', async (signal) => {
  const container = await host.create(['sleep', '1000'], { namespaces: ['mount', 'ipc'] });
  await container.start();
  // "runc start" comes back a moment before the program takes the place of runc's init, which ignores some signals.
  while (readFileSync(`/proc/${container.pid}/comm`, 'utf8') !== 'sleep\n') await sleep(1);
  await container.kill(signal);
  container.stdout?.resume();
  container.stderr?.resume();
  expect(await container.wait()).toMatchObject({ exitCode: 128 + signal, signal });
  await expect(container.kill(15)).rejects.toMatchObject({ kind: 'not-found', code: 'CONTAINER_EXITED' });
  await host.runtime.delete(container.id);
});

test('however many wait for its end, it can be stopped, and all are told', async () => {
  const container = await host.create(['sleep', '1000']);
  const { id } = container;
  await container.start();
  container.stdout?.resume();
  container.stderr?.resume();
  const elsewhere = host.activate();
  const ends = Array.from({ length: 24 }, () => elsewhere.wait(id));
  await sleep(500);
  expect(await elsewhere.stop(id, { signal: 15, graceMs: 0 })).toMatchObject({ exitCode: 137 });
  for (const end of ends) expect(await end).toMatchObject({ exitCode: 137, signal: 9 });
  await host.runtime.delete(id);
});

test('states from created to nothing, as any process sees them', async () => {
  const elsewhere = host.activate();
  const container = await host.create(['sleep', '1000']);
  const { id, pid } = container;
  expect(await elsewhere.state(id)).toEqual({ id, status: 'created', pid, restarts: 0, supervised: true });
  await container.start();
  const startedAt = expect.any(String);
  expect(await elsewhere.state(id)).toEqual({ id, status: 'running', pid, startedAt, restarts: 0, supervised: true });
  await container.kill(9);
  container.stdout?.resume();
  container.stderr?.resume();
  await container.wait();
  const exit = { exitCode: 137, signal: 9, exitedAt: expect.any(String), oomKilled: false };
  expect(await elsewhere.state(id)).toEqual({ id, status: 'stopped', startedAt, exit, restarts: 0, supervised: true });
  await host.runtime.delete(container.id);
  await expect(elsewhere.state(container.id)).rejects.toMatchObject({ kind: 'not-found' });
});

test('the root file system is mounted nowhere in the namespace of the caller', async () => {
  const container = await host.create(['sleep', '1000']);
  expect(host.leftovers()['mounts']).toEqual([]);
  await host.runtime.delete(container.id);
});

test('a second container of the same id is refused and the first goes on', async () => {
  const container = await host.create(['sh', '-c', 'exit 7']);
  await expect(host.create(['true'], { id: container.id })).rejects.toMatchObject({
    kind: 'already-exists',
    code: 'CONTAINER_EXISTS',
  });
  await container.start();
  container.stdout?.resume();
  container.stderr?.resume();
  expect(await container.wait()).toMatchObject({ exitCode: 7 });
  await host.runtime.delete(container.id);
});

test.each([
  ['nope', 'not-found', 'COMMAND_NOT_FOUND'],
  ['/bin/nope', 'not-found', 'COMMAND_NOT_FOUND'],
  ['/etc/plain', 'permission-denied', 'COMMAND_NOT_EXECUTABLE'],
  ['/etc', 'permission-denied', 'COMMAND_NOT_EXECUTABLE'],
])('command %s is %s with %s', async (command, kind, code) => {
  await expect(host.create([command])).rejects.toMatchObject({ kind, code });
});

test.each(['', '.', '..', '../x', 'a/b', '--flag', 'a\nb', 'a\0b', 'x'.repeat(300)])(
  'id %j is refused before anything is made',
  async (id) => {
    await expect(host.create(['true'], { id })).rejects.toMatchObject({ kind: 'invalid-argument', code: 'CONTAINER_ID_INVALID' });
    await expect(host.runtime.delete(id)).rejects.toMatchObject({ kind: 'invalid-argument' });
    await expect(host.runtime.state(id)).rejects.toMatchObject({ kind: 'invalid-argument' });
  },
);

test('an unknown kind of mount, a terminal that config.json does not want and a bad config.json are refused', async () => {
  const rootfs = [{ kind: 'floppy', source: '/' }] as unknown as CreateRequest['rootfs'];
  await expect(host.create(['true'], { request: { rootfs } })).rejects.toMatchObject({ kind: 'unimplemented' });
  const bundle = host.bundle(['true']);
  await expect(
    host.create(['true'], { request: { bundle }, stdio: { terminal: { columns: 80, rows: 24 } } }),
  ).rejects.toMatchObject({ code: 'TERMINAL_MISMATCH' });
  writeFileSync(path.join(bundle, 'config.json'), '{"root": {}}');
  await expect(host.create(['true'], { request: { bundle } })).rejects.toMatchObject({ code: 'BUNDLE_INVALID' });
});

test('delete of what is not there, or twice at once from two processes, is no error', async () => {
  await host.runtime.delete(`${host.prefix}-never`);
  const elsewhere = host.activate();
  const container = await host.create(['sleep', '1000']);
  await container.start();
  await Promise.all([host.runtime.delete(container.id), elsewhere.delete(container.id)]);
});

test('an aborted creation is canceled and leaves nothing', async () => {
  for (const afterMs of [0, 5, 10, 20, 30]) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), afterMs);
    const created = await host.create(['true'], { request: { signal: controller.signal } }).catch((error: unknown) => error);
    if (created instanceof Error) expect(created).toMatchObject({ kind: 'canceled' });
    else await host.runtime.delete((created as { id: string }).id);
    expectClean(host);
  }
});
