import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { linux } from '@slipway/linux';
import { findMonitor } from '@slipway/monitor';
import { isSlipwayError, type RuntimeContainer, type Step } from '@slipway/plugin-api';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { expectClean } from './expect-clean.ts';
import { Host, text } from './host.ts';

let host: Host;
beforeEach(() => {
  host = new Host();
});
afterEach(() => {
  using _ = host;
  expectClean(host);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

/** Calls `action` with the monitor's pid as soon as there is one, while a container is created. */
async function createWhile(action: (monitorPid: number) => void, id: string): Promise<RuntimeContainer | Error> {
  const onStep = (message: unknown) => {
    const { name, details } = message as Step;
    if (name === 'runtime.monitor.started' && details['id'] === id) action(Number(details['pid']));
  };
  subscribe('slipway:step', onStep);
  try {
    return await host.create(['sleep', '1000'], { id }).catch((error: unknown) => error as Error);
  } finally {
    unsubscribe('slipway:step', onStep);
  }
}

test.each([0, 2, 4, 6, 8, 10, 12, 15, 20, 25, 30, 40])('monitor killed %i ms after its start', async (delayMs) => {
  const id = `${host.prefix}-monitor`;
  let killed = Promise.resolve();
  const result = await createWhile((pid) => {
    killed = sleep(delayMs).then(() => linux.kill(pid, 9));
  }, id);
  await killed;
  if (result instanceof Error) {
    expect(result).toMatchObject({ kind: 'internal', code: 'MONITOR_LOST' });
  } else {
    await expect(result.wait()).rejects.toMatchObject({ kind: 'internal', code: 'MONITOR_LOST' });
  }
  await host.activate().delete(id);
});

test('what ended before its start: the start gives the reason that was left', async () => {
  const container = await host.create(['sleep', '1000']);
  writeFileSync(path.join(host.dirs.state, 'containers', container.id, 'ended'), 'slipway: the machine ended: \x1b[31mpanic\n');
  linux.kill(container.pid, 9);
  await container.wait();
  const why = {
    kind: 'failed-precondition',
    code: 'CONTAINER_STATE',
    message: expect.stringMatching(/ended before.*: slipway: the machine ended/) as string,
  };
  await expect(container.start()).rejects.toMatchObject(why);
  await expect(host.activate().start(container.id)).rejects.toMatchObject(why);
  await host.activate().delete(container.id);
});

test('monitor killed under a running container: wait rejects, the container goes on until it is deleted', async () => {
  const container = await host.create(['sleep', '1000']);
  await container.start();
  linux.kill(container.monitorPid, 9);
  await expect(container.wait()).rejects.toMatchObject({ kind: 'internal', code: 'MONITOR_LOST' });
  expect(await host.runtime.state(container.id)).toMatchObject({ status: 'running', pid: container.pid, supervised: false });
  await host.runtime.delete(container.id);
});

test.each([0, 1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 25])('runc killed %i ms into its creation', async (delayMs) => {
  const id = `${host.prefix}-runc`;
  let killed = Promise.resolve();
  const result = await createWhile((pid) => {
    killed = (async () => {
      const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
      try {
        await until(() => Number(children()[0]) > 0);
        const [runc = 0] = children();
        await sleep(delayMs);
        if (readFileSync(`/proc/${runc}/comm`, 'utf8') === 'runc\n') linux.kill(runc, 9);
      } catch {
        // It has ended already.
      }
    })();
  }, id);
  await killed;
  if (result instanceof Error) expect(result).toMatchObject({ kind: 'internal', code: 'RUNTIME_KILLED' });
  await host.runtime.delete(id);
});

const steps = [
  'runtime.monitor.started',
  'runtime.create.mounted',
  'runtime.create.created',
  'runtime.start.started',
  'runtime.delete.deleted',
];

test.each(steps.flatMap((name) => [true, false].map((dies) => [name, dies] as const)))(
  'creator killed after %s, dieWithParent %s',
  async (name, dieWithParent) => {
    const id = `${host.prefix}-creator`;
    const script = fileURLToPath(new URL('creator.ts', import.meta.url));
    const child = spawn(process.execPath, [script, host.folder, id, String(dieWithParent), name], { stdio: 'inherit' });
    const signal = await new Promise((resolve) => child.once('exit', (_, signalName) => resolve(signalName)));
    expect(signal).toBe('SIGKILL');
    if (name === 'runtime.start.started' && !dieWithParent) {
      await sleep(300);
      expect(await host.runtime.state(id)).toMatchObject({ status: 'running' });
    } else {
      await until(() => host.leftovers()['processes']?.length === 0);
    }
    await host.runtime.delete(id);
  },
);

test('a container that outlives its creator leaves its exit record', async () => {
  const container = await host.create(['sh', '-c', 'sleep 0.3; exit 42'], { request: { dieWithParent: false } });
  await container.start();
  await container[Symbol.asyncDispose]();
  await until(() => host.leftovers()['processes']?.length === 0);
  expect(await host.activate().state(container.id)).toMatchObject({
    status: 'stopped',
    supervised: true,
    exit: { exitCode: 42 },
  });
  await host.activate().delete(container.id);
});

test.each([true, false])('a handle that was disposed leaves the container running, dieWithParent %s', async (dieWithParent) => {
  const container = await host.create(['sleep', '1000'], { request: { dieWithParent } });
  await container.start();
  await container[Symbol.asyncDispose]();
  await sleep(100);
  expect(await host.runtime.state(container.id)).toMatchObject({ status: 'running' });
  await host.runtime.delete(container.id);
});

test('bug: delete after dispose ended the process before the container was deleted', async () => {
  const program = fileURLToPath(new URL('./delete-after-dispose.ts', import.meta.url));
  const child = spawn(process.execPath, [program, host.folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  expect(await text(child.stdout)).toBe('deleted\n');
});

test('a lock that the monitor inherits is held exactly as long as it lives, and not seen below it', async () => {
  const file = path.join(host.folder, 'operation');
  const fd = openSync(file, 'w');
  expect(linux.tryFlock(fd, 'exclusive')).toBe(true);
  const container = await host.create(['sh', '-c', 'ls -l /proc/self/fd; sleep 1000'], { request: { keepOpen: [fd] } });
  closeSync(fd);
  const other = openSync(file, 'r');
  expect(linux.tryFlock(other, 'exclusive')).toBe(false);
  await container.start();
  const output = text(container.stdout);
  await sleep(200);
  await host.runtime.delete(container.id);
  expect(linux.tryFlock(other, 'exclusive')).toBe(true);
  closeSync(other);
  // 0, 1, 2, and what ls itself may have opened.
  expect(await output).not.toMatch(/operation|lock|socket:|(^| )[4-9] -> /m);
});

function fakeRunc(script: string): string {
  const file = path.join(host.folder, 'fake-runc');
  writeFileSync(file, `#!/bin/sh\nfor word; do case $word in create|start|delete|state) verb=$word;; esac; done\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

test('bug: a monitor whose number could not be written down held the id until its creator ended', async () => {
  const id = `${host.prefix}-unwritten`;
  const monitor = path.join(host.folder, 'monitor');
  writeFileSync(
    monitor,
    `#!/bin/sh\nmkdir '${host.dirs.state}/containers/${id}/monitor.json' && exec '${findMonitor()}' "$@"\n`,
    {
      mode: 0o700,
    },
  );
  vi.stubEnv('SLIPWAY_MONITOR', monitor);
  try {
    await expect(host.create(['true'], { id })).rejects.toMatchObject({ message: expect.stringContaining('EISDIR') });
  } finally {
    vi.unstubAllEnvs();
  }
});

test.each([
  ['[ $verb = delete ] && exit 0; echo "the disk is on fire" >&2; exit 3', 'RUNTIME_FAILED', 'the disk is on fire'],
  ['[ $verb = delete ] && exit 0; kill -9 $$', 'RUNTIME_KILLED', 'signal 9'],
  [
    '[ $verb = delete ] && exit 0; head -c 10000000 /dev/urandom; head -c 10000000 /dev/urandom >&2; exit 1',
    'RUNTIME_FAILED',
    '',
  ],
  ['[ $verb = delete ] && exit 0; exit 0', 'RUNTIME_RESULT_INVALID', 'no pid'],
])('a runc that does %j', async (script, code, words) => {
  const failed: unknown = await host
    .activate(fakeRunc(script))
    .create(host.request(['true']))
    .catch((error: unknown) => error);
  expect(failed).toMatchObject({ kind: 'internal', code });
  expect(isSlipwayError(failed) && failed.message).toContain(words);
  expect(String(failed)).not.toMatch(/\p{Cc}/u);
  await host.runtime.delete(`${host.prefix}-0`);
});

test('a state that is junk is an error that names runc', async () => {
  const container = await host.create(['true']);
  // Without the monitor's record the tool is asked.
  rmSync(path.join(host.dirs.state, 'containers', container.id, 'status.json'));
  await expect(host.activate(fakeRunc('echo "{ junk"')).state(container.id)).rejects.toMatchObject({
    code: 'RUNTIME_RESULT_INVALID',
  });
  await host.runtime.delete(container.id);
});

test('a runc that is missing when it is needed', async () => {
  const file = fakeRunc('exit 0');
  const runtime = host.activate(file);
  rmSync(file);
  await expect(runtime.create(host.request(['true']))).rejects.toMatchObject({
    kind: 'failed-precondition',
    code: 'RUNTIME_NOT_FOUND',
    hint: 'install fake-runc (apt-get install fake-runc), or set binary in [plugin.runtime-runc]',
  });
  await expect(runtime.features()).rejects.toMatchObject({ kind: 'failed-precondition', code: 'RUNTIME_NOT_FOUND' });
  await host.runtime.delete(`${host.prefix}-0`);
});

test('bug: features that could not be asked for once could never be asked for', async () => {
  const runtime = host.activate(fakeRunc('exit 1'));
  await expect(runtime.features()).rejects.toMatchObject({ code: 'RUNTIME_NOT_FOUND' });
  fakeRunc('echo runc version 9.9.9');
  expect(await runtime.features()).toMatchObject({ version: 'runc 9.9.9' });
});

test('features are those of the real runc, and a program that is none is refused', async () => {
  expect(await host.runtime.features()).toMatchObject({ version: expect.stringMatching(/^runc \d+\./), isolation: 'process' });
  await expect(host.activate(fakeRunc('echo hello')).features()).rejects.toMatchObject({ code: 'RUNTIME_NOT_FOUND' });
});

test('half a state of runc, and a folder without anything, are deleted', async () => {
  const id = `${host.prefix}-half`;
  mkdirSync(path.join(host.dirs.state, 'tool', id), { recursive: true });
  await host.runtime.delete(id);
  mkdirSync(path.join(host.dirs.state, 'containers', id), { recursive: true });
  await host.runtime.delete(id);
});

test('100 containers leak no descriptor, process, mount or cgroup', async () => {
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const batch = async () => {
    const statuses = await Promise.all(Array.from({ length: 10 }, () => host.run(['true'])));
    expect(statuses.map((status) => status.exitCode)).toEqual(Array(10).fill(0));
  };
  await batch();
  const before = descriptors();
  for (let i = 0; i < 10; i++) await batch();
  // The last control channel is closed a moment after its monitor was seen to end.
  await until(() => descriptors() <= before);
});
