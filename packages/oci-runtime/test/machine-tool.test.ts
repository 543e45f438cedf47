import 'reflect-metadata';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findTool, type MachineTool, OciRuntime } from '@slipway/oci-runtime';
import { type RuntimeFeatures, type RuntimeStats, SlipwayError } from '@slipway/plugin-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Host } from './host.js';

const features: RuntimeFeatures = { version: 'x', isolation: 'vm', seccomp: true, pause: true, exec: true, update: true };
const unread = async (): Promise<RuntimeStats> => {
  throw new Error('nobody asks');
};

let host: Host;
beforeEach(() => {
  host = new Host();
});
afterEach(() => host[Symbol.dispose]());

/** runc, but for verbs for which a file lies in the folder: these do what is in it. */
function fakeTool(): string {
  const binary = path.join(mkdtempSync(path.join(host.folder, 'tool-')), 'fake');
  const words = 'for word; do [ -e "$0.$word" ] && . "$0.$word"; done';
  writeFileSync(binary, `#!/bin/sh\n${words}\nexec runc "$@"\n`, { mode: 0o755 });
  return binary;
}

/** The words of what was asked for, and a runtime whose tool makes machines. */
function open(change: Partial<MachineTool> = {}) {
  const binary = fakeTool();
  const tool = findTool({ binary, plugin: 'runtime-runc' });
  if (tool === undefined) throw new Error('the tool was not found');
  const asked: string[] = [];
  const machine: MachineTool = {
    accepts: ['layers'],
    createLimitMs: 30_000,
    features: async () => features,
    async prepare({ id }, bundle) {
      asked.push(`prepare ${id}`);
      const root = JSON.stringify({ ...bundle.spec, root: { path: host.rootfs } });
      writeFileSync(path.join(bundle.directory, 'config.json'), root);
      return { mounts: [], [Symbol.dispose]: () => void asked.push('prepared') };
    },
    async created({ id }) {
      asked.push(`created ${id}`);
    },
    machineOf: () => ({ accel: 'tcg', hardware: false, memoryMiB: 128, cpus: 1 }),
    prepareProcess: (_, file) => writeFileSync(`${file}.pb`, ''),
    prepareUpdate(_, file) {
      writeFileSync(`${file}.pb`, '');
      return { keep() {}, undo() {} };
    },
    stats: unread,
    standing: (pids) => pids.slice(0, 1),
    ...change,
  };
  const runtime = new OciRuntime({ ...tool, machine }, host.dirs, { debug() {}, info() {}, warn() {}, error() {} });
  return { runtime, asked, doing: (verb: string, script: string) => writeFileSync(`${binary}.${verb}`, script) };
}

const layers = [{ kind: 'layers', lower: [] }] as const;
const request = (args: readonly string[]) => host.request(args, { request: { rootfs: layers } });
const filesOf = (id: string) => readdirSync(path.join(host.dirs.state, 'containers', id), { recursive: true }) as string[];

test('a root file system is handed on as it is, of the kinds that the tool takes', async () => {
  const { runtime, asked } = open();
  const refused = host.request(['true']);
  await expect(runtime.create(refused)).rejects.toMatchObject({ kind: 'unimplemented' });
  expect(asked).toEqual([]);
  const wanted = request(['/bin/true']);
  await runtime.create(wanted);
  expect(asked).toEqual([`prepare ${wanted.id}`, 'prepared', `created ${wanted.id}`]);
  expect(readdirSync(wanted.bundle)).toEqual(['config.json']);
  await runtime.delete(wanted.id);
});

test('its creation has the time that it asks for', async () => {
  const { runtime, doing, asked } = open({ createLimitMs: 300 });
  doing('create', 'exec sleep 1000');
  const wanted = request(['/bin/true']);
  await expect(runtime.create(wanted)).rejects.toMatchObject({ code: 'RUNTIME_TIMED_OUT', details: { value: 300 } });
  expect(asked).not.toContain(`created ${wanted.id}`);
  expect(host.leftovers()).toMatchObject({ processes: [], containers: [] });
});

test('what it says to be paused can be resumed, also when the pause failed halfway or its word was lost', async () => {
  const { runtime, doing } = open();
  const { id } = await runtime.create(request(['/bin/sleep', '1000']));
  await runtime.start(id);
  doing('pause', 'echo broken >&2; exit 1');
  await expect(runtime.pause(id)).rejects.toMatchObject({ message: expect.stringContaining('broken') });
  expect((await runtime.state(id)).status).toBe('running');
  // The freezer is in the machine: nothing is seen of it from here.
  doing('pause', 'exit 0');
  await runtime.pause(id);
  expect((await runtime.state(id)).status).toBe('paused');
  await expect(runtime.pause(id)).rejects.toMatchObject({ kind: 'failed-precondition' });
  doing('resume', 'echo broken >&2; exit 1');
  await expect(runtime.resume(id)).rejects.toMatchObject({ message: expect.stringContaining('broken') });
  expect((await runtime.state(id)).status).toBe('paused');
  doing('resume', 'exit 0');
  await runtime.resume(id);
  expect((await runtime.state(id)).status).toBe('running');
  await runtime.delete(id);
});

test('what is written for exec and update is gone afterwards, also when they fail', async () => {
  const { runtime, doing } = open();
  const { id } = await runtime.create(request(['/bin/sleep', '1000']));
  await runtime.start(id);
  const before = filesOf(id);
  const process = { user: { uid: 0, gid: 0 }, args: ['/bin/true'], env: [], cwd: '/' };
  const stdio = { stdin: 'null', stdout: 'null', stderr: 'null' } as const;
  const made = await runtime.exec(id, { process, stdio, dieWithParent: true });
  expect((await made.wait()).exitCode).toBe(0);
  await expect(runtime.exec(id, { process: { ...process, args: ['/nope'] }, stdio, dieWithParent: true })).rejects.toMatchObject({
    kind: 'not-found',
  });
  await runtime.update(id, { pids: { limit: 20 } });
  doing('update', 'echo broken >&2; exit 1');
  await expect(runtime.update(id, { pids: { limit: 30 } })).rejects.toMatchObject({ message: expect.stringContaining('broken') });
  await expect.poll(() => filesOf(id).filter((name) => name.includes('.pb') || name.startsWith('resources-'))).toEqual([]);
  expect(before).toEqual(expect.arrayContaining(filesOf(id).filter((name) => !name.startsWith('exec'))));
  await runtime.delete(id);
});

test('what the machine cannot count because it has ended meanwhile is not found, and other errors are its own', async () => {
  const gone = new SlipwayError({ kind: 'not-found', code: 'CGROUP_NOT_FOUND', message: 'gone' });
  const broken = new SlipwayError({ kind: 'unavailable', code: 'AGENT_SILENT', message: 'no answer' });
  let error = gone;
  const { runtime } = open({
    stats: async () => {
      throw error;
    },
  });
  const { id } = await runtime.create(request(['/bin/sleep', '1000']));
  await runtime.start(id);
  await expect(runtime.stats(id)).rejects.toMatchObject({ kind: 'not-found', code: 'CONTAINER_EXITED' });
  error = broken;
  await expect(runtime.stats(id)).rejects.toMatchObject({ code: 'AGENT_SILENT' });
  await runtime.delete(id);
});

test('its state has the machine until its program has ended, and its processes are those that stand for it', async () => {
  const { runtime } = open();
  const { id, pid } = await runtime.create(request(['/bin/sh', '-c', 'sleep 1000 & wait']));
  await runtime.start(id);
  expect((await runtime.state(id)).machine).toMatchObject({ accel: 'tcg', memoryMiB: 128 });
  expect(await runtime.processes(id)).toEqual([pid]);
  await runtime.kill(id, 9);
  await runtime.wait(id);
  expect((await runtime.state(id)).machine).toBe(undefined);
  await runtime.delete(id);
});
