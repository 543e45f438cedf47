import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ShimBench, until } from './shim-bench.ts';
import type { Found } from './shim-wire.ts';

let bench: ShimBench;
beforeEach(() => {
  bench = new ShimBench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

test('QEMU has another user, a network of its own with nothing in it, no privileges to gain and no files but its own', async () => {
  await bench.started({ untilSignal: [15] });
  const pid = bench.noted('qemu');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
  expect(status).toMatch(/^Gid:\t65534\t65534\t65534\t65534$/m);
  expect(status).toMatch(/^Groups:\s*$/m);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  expect(status).toMatch(/^CapEff:\t0+$/m);
  expect(
    readFileSync(`/proc/${pid}/net/dev`, 'utf8')
      .trim()
      .split('\n')
      .slice(2)
      .map((line) => line.trim().split(':')[0]),
  ).toEqual(['lo']);
  const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  expect(open.filter((file) => file.startsWith(bench.base))).toEqual([path.join(bench.base, 'requests')]);
  expect(
    readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .filter((entry) => entry !== ''),
  ).toEqual(['PATH=/usr/sbin:/usr/bin:/sbin:/bin']);
  expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/^Max core file size +0 +0/m);
});

test('QEMU taken over by its guest finds nothing of the host but programs, and can fill nothing', async () => {
  const socket = path.join(os.tmpdir(), `${path.basename(bench.base)}.sock`);
  const server = createServer((client) => client.destroy()).listen(socket);
  await once(server, 'listening');
  try {
    chmodSync(socket, 0o777);
    const steps = bench.steps({ escapes: { socket } }, { untilSignal: [15] });
    bench.plan([['file-size', '65536'], ...steps]);
    await bench.create(await bench.monitor());
  } finally {
    server.close();
  }
  const { root, ...found } = JSON.parse(bench.requests()[0] ?? '{}') as Found;
  expect(found).toEqual({ ownersOfProcesses: [65534], written: [], connected: false, grown: false });
  const shown = ['bin', 'dev', 'etc', 'lib', 'lib64', 'proc', 'usr'];
  const ours = [bench.base, process.execPath].map((file) => file.split('/')[1] ?? '');
  expect(root).toEqual([...new Set([...shown, ...ours])].sort());
  for (const kind of ['ipc', 'mnt', 'net'])
    expect(readlinkSync(`/proc/${bench.noted('qemu')}/ns/${kind}`)).not.toBe(readlinkSync(`/proc/self/ns/${kind}`));
});

test('who listens to the guest has no privileges that it does not need', async () => {
  await bench.started({ untilSignal: [15] });
  const capabilities = (name: string) => {
    const status = readFileSync(`/proc/${bench.noted(name)}/status`, 'utf8');
    return ['CapPrm', 'CapEff', 'CapBnd', 'NoNewPrivs'].map((key) => Number.parseInt(status.split(`\n${key}:\t`)[1] ?? '', 16));
  };
  await until(() => capabilities('vm')[3] === 1 && capabilities('init')[3] === 1);
  const kill = 1 << 5;
  expect(capabilities('vm')).toEqual([kill, kill, kill, 1]);
  expect(capabilities('init')).toEqual([0, 0, 0, 1]);
});

test('nothing that its caller had open stays open, however much that is', async () => {
  bench.plan(bench.steps({}, { untilSignal: [15] }));
  const [binary = '', ...args] = bench.args('create', '--bundle', bench.folder, 'box');
  const stdio = Array.from({ length: 1500 }, () => 'ignore' as const);
  expect(await once(spawn(binary, args, { cwd: bench.folder, stdio }), 'exit')).toEqual([0, null]);
  for (const name of ['vm', 'init', 'qemu']) {
    const open = readdirSync(`/proc/${bench.noted(name)}/fd`).map(Number);
    expect(open.filter((fd) => fd > 300 && fd < 1500)).toEqual([]);
  }
});

test('a helper is root with what files and namespaces need, and no way to more', async () => {
  const looks = 'grep -E "NoNewPrivs|CapBnd" /proc/self/status >&2; readlink /proc/self/ns/ipc >&2; exit 3';
  bench.plan([['helper', path.join(bench.folder, 'share.sock'), '/bin/sh', '-c', looks], ...bench.steps({})]);
  const { stderr } = await bench.run('create', 'box');
  const said = /CapBnd: ([0-9a-f]+) \| NoNewPrivs: 1 \| (ipc:\[\d+\])/.exec(stderr) ?? [];
  const bits = BigInt(`0x${said[1] ?? '0'}`);
  const [netAdmin, sysModule, sysAdmin] = [12n, 16n, 21n].map((bit) => (bits >> bit) & 1n);
  expect([netAdmin, sysModule, sysAdmin]).toEqual([0n, 0n, 1n]);
  expect(said[2]).not.toBe(readlinkSync('/proc/self/ns/ipc'));
});
