import 'reflect-metadata';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostMounts } from '@slipway/cgroups';
import { linux } from '@slipway/linux';
import { cloudKernel } from '@slipway/machine';
import type { CreateRequest, LayersMount, Runtime, RuntimeResources } from '@slipway/plugin-api';
import { openPlugin, type Subject } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/runtime-kata';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { busyboxTree as treeOfBusybox } from './busybox-tree.ts';
import { cacheFolder, imageOf, layersOf } from './layers.ts';
import { outcome } from './outcome.ts';

let folder = '';
let subject: Subject<Runtime>;
let ids: string[] = [];

beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-kata-machine-'));
  ids = [];
  subject = await open({});
});

afterEach(async () => {
  for (const id of ids) await subject.instance.delete(id);
  await subject[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

afterAll(() => {
  for (const { mountPoint } of hostMounts()) {
    const above = path.join(mountPoint, 'slipway-kata-test');
    if (existsSync(above)) rmdirSync(above);
  }
});

function open(config: Record<string, unknown>) {
  return openPlugin(plugin, {
    dirs: { root: path.join(cacheFolder, 'plugin'), state: path.join(folder, 'state') },
    config: { ...cloudKernel(), accel: 'tcg', memory: 128, ...config },
  });
}

const ownNamespaces = ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type }));

function busyboxTree(): string {
  return treeOfBusybox(path.join(folder, 'tree'), ['sh', 'ls', 'cat', 'sleep', 'echo']);
}

function request(script: string, rootfs: LayersMount, resources: RuntimeResources = {}): CreateRequest {
  const id = `kata-${path.basename(folder).slice(-6)}-${ids.length}`;
  ids.push(id);
  const bundle = path.join(folder, id);
  mkdirSync(bundle);
  const spec = {
    ociVersion: '1.0.2',
    root: { path: 'rootfs' },
    process: { user: { uid: 0, gid: 0 }, args: ['sh', '-c', script], env: ['PATH=/bin'], cwd: '/' },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
    ],
    linux: { namespaces: ownNamespaces, cgroupsPath: `/slipway-kata-test/${id}`, resources },
  };
  writeFileSync(path.join(bundle, 'config.json'), JSON.stringify(spec));
  return {
    id,
    bundle,
    rootfs: [rootfs],
    stdio: { stdin: 'null', stdout: 'pipe', stderr: 'pipe' },
    dieWithParent: true,
    keepOpen: [],
  };
}

test('40 layers are one root, in the order that they have, in two machines at once', async () => {
  const { lower, upper } = layersOf(busyboxTree(), mkdtempSync(path.join(folder, 'base-')));
  const above = Array.from({ length: 39 }, (_, index) => {
    const tree = path.join(folder, `layer${index}`);
    mkdirSync(path.join(tree, 'd'), { recursive: true });
    writeFileSync(path.join(tree, 'd', `f${index}`), `${index}\n`);
    writeFileSync(path.join(tree, 'd/same'), `${index}\n`);
    return imageOf(tree, path.join(folder, `layer${index}.erofs`));
  });
  const layers: LayersMount = { kind: 'layers', lower: [...above, ...lower], ...(upper === undefined ? {} : { upper }) };
  const other = layersOf(path.join(folder, 'tree'), mkdtempSync(path.join(folder, 'base-'))).upper;
  const script = 'ls /d | sort -n | tr "\\n" " "; cat /d/same; echo new >/d/f7; cat /d/f7';
  const outcomes = await Promise.all(
    [layers, { ...layers, ...(other === undefined ? {} : { upper: other }) }].map(async (rootfs) => {
      const container = await subject.instance.create(
        request(script.replaceAll('sort', 'busybox sort').replaceAll('tr "', 'busybox tr "'), rootfs),
      );
      await container.start();
      return await outcome(container);
    }),
  );
  const names = Array.from({ length: 39 }, (_, index) => `f${index}`);
  for (const { code, stdout, stderr } of outcomes) {
    expect([code, stderr]).toEqual([0, '']);
    const [listed = '', same, seventh] = stdout.replace(/ (?=\d+\n)/, '\n').split('\n');
    expect(listed.split(' ').sort()).toEqual([...names, 'same'].sort());
    expect([same, seventh]).toEqual(['0', 'new']);
  }
});

test('a machine is one user, one network, one control group, and sees nothing but programs; its changes are its own; a QEMU that is killed is a failed container', async () => {
  const { instance } = subject;
  const rootfs = layersOf(busyboxTree(), mkdtempSync(path.join(folder, 'base-')));
  const container = await instance.create(request('sleep 1000', rootfs));
  const { id } = container;
  await container.start();
  const qemu = qemuOf(id);
  const status = readFileSync(`/proc/${qemu}/status`, 'utf8');
  const uid = Number(/^Uid:\s+(\d+)\s+\1\s+\1\s+\1$/m.exec(status)?.[1]);
  expect(uid).toBeGreaterThanOrEqual(1_900_000_000);
  expect(status).toMatch(/^CapEff:\s+0+$/m);
  expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
  expect(status).toMatch(/^Seccomp:\s+2$/m);
  const seen = readdirSync(`/proc/${qemu}/root`);
  expect(seen).toEqual(expect.arrayContaining(['dev', 'proc', 'usr']));
  for (const name of ['home', 'root', 'run', 'sys', 'tmp', 'var']) expect(seen).not.toContain(name);
  expect(readFileSync(`/proc/${qemu}/limits`, 'utf8')).toMatch(/^Max file size +\d+ +\d+ +bytes/m);
  expect(readlinkSync(`/proc/${qemu}/ns/net`)).not.toBe(readlinkSync('/proc/self/ns/net'));
  expect(readFileSync(`/proc/${qemu}/cgroup`, 'utf8')).toContain(`/slipway-kata-test/${id}`);

  await expect(instance.create(request('true', rootfs))).rejects.toMatchObject({
    message: expect.stringContaining('somebody else writes to'),
  });

  expect((await instance.stats(id)).memory.limitBytes).toBe(128n * 1024n * 1024n);
  const asked = (async () => {
    for (;;) await instance.stats(id);
  })().catch((error: unknown) => error);
  linux.kill(qemu, 9);
  const { code, stderr } = await outcome(container);
  expect(await asked).toMatchObject({ kind: 'not-found', code: 'CONTAINER_EXITED' });
  expect(code).toBe(255);
  expect(stderr).toMatch(new RegExp(`the virtual machine of "${id}" ended: QEMU was killed by signal 9`));
});

test('limits change up to what the machine has, also those that are kept on the host, and hold after a restart', async () => {
  const rootfs = layersOf(busyboxTree(), mkdtempSync(path.join(folder, 'base-')));
  const MiB = 1024 * 1024;
  const wish = request('trap "exit 1" USR1; while :; do sleep 0.1; done', rootfs, {
    memory: { limit: 48 * MiB },
    cpu: { shares: 512, cpus: '0' },
  });
  const directory = path.join(folder, 'status');
  mkdirSync(directory, { mode: 0o700 });
  const container = await subject.instance.create({
    ...wish,
    stdio: { stdin: 'null', stdout: 'null', stderr: 'null' },
    supervision: { directory, restart: { name: 'always' } },
  });
  await container.start();
  const { instance } = subject;
  await instance.update(container.id, { memory: { limit: 40 * MiB } });
  expect((await instance.stats(container.id)).memory.limitBytes).toBe(BigInt(40 * MiB));
  await expect(instance.update(container.id, { memory: { limit: 49 * MiB } })).rejects.toMatchObject({
    kind: 'failed-precondition',
    code: 'MACHINE_TOO_SMALL',
  });
  await expect(instance.update(container.id, { cpu: { quota: 300_000, period: 100_000 } })).rejects.toMatchObject({
    code: 'MACHINE_TOO_SMALL',
  });
  await instance.update(container.id, { cpu: { cpus: '0', mems: '0', shares: 1024 } });
  await instance.update(container.id, { cpu: { cpus: '0' } });
  const shares = () => {
    const group = readCgroup(container.id, 'cpu');
    return readFileSync(path.join(group, existsSync(path.join(group, 'cpu.weight')) ? 'cpu.weight' : 'cpu.shares'), 'utf8');
  };
  expect(shares()).toMatch(/^(1024|39)$/m);
  // What the guest's kernel refuses changes nothing on the host.
  await expect(instance.update(container.id, { cpu: { quota: 10, shares: 2048 } })).rejects.toMatchObject({ kind: 'internal' });
  expect(shares()).toMatch(/^(1024|39)$/m);
  await instance.kill(container.id, 10);
  const now = async () => {
    const { restarts, status } = await instance.state(container.id);
    return `${status} ${restarts}`;
  };
  for (const end = Date.now() + 100_000; (await now()) !== 'running 1' && Date.now() < end; ) await sleep(20);
  expect(await now()).toBe('running 1');
  expect((await instance.stats(container.id)).memory.limitBytes).toBe(BigInt(40 * MiB));
  expect(shares()).toMatch(/^(1024|39)$/m);
  // QEMU's package may be gone, or be replaced, while machines run.
  await using without = await open({ qemu: '/nowhere/qemu' });
  expect((await without.instance.state(container.id)).status).toBe('running');
  expect((await without.instance.stop(container.id, { signal: 9, graceMs: 0 })).exitCode).toBe(137);
  await without.instance.delete(container.id);
  await expect(instance.state(container.id)).rejects.toMatchObject({ kind: 'not-found' });
});

test('emulation is no isolation by hardware: it says so, and is refused where that is required', async () => {
  expect((await subject.instance.features()).machine).toEqual({ accel: 'tcg', hardware: false, reason: 'accel is set to "tcg"' });
  await using strict = await open({ require_hardware: true });
  await expect(strict.instance.features()).rejects.toMatchObject({
    kind: 'failed-precondition',
    code: 'HARDWARE_ISOLATION_MISSING',
  });
  const rootfs = layersOf(busyboxTree(), mkdtempSync(path.join(folder, 'base-')));
  await expect(strict.instance.create(request('true', rootfs))).rejects.toMatchObject({ code: 'HARDWARE_ISOLATION_MISSING' });
});

test('KVM is believed only where a machine came up with it, and the answer is kept', async () => {
  await using first = await open({ accel: 'auto' });
  const { machine } = await first.instance.features();
  expect(machine?.hardware).toBe(machine?.accel === 'kvm');
  expect(machine?.reason === undefined).toBe(machine?.hardware);
  await using second = await open({ accel: 'auto' });
  const kept = path.join(folder, 'state/kvm.json');
  const before = existsSync(kept) ? statSync(kept) : undefined;
  expect((await second.instance.features()).machine).toEqual(machine);
  const after = existsSync(kept) ? statSync(kept) : undefined;
  expect([after?.ino, after?.mtimeMs]).toEqual([before?.ino, before?.mtimeMs]);
  expect(after !== undefined).toBe(existsSync('/dev/kvm'));
  if (machine?.hardware === true) return;
  await using wanted = await open({ accel: 'kvm' });
  await expect(wanted.instance.features()).rejects.toMatchObject({ kind: 'failed-precondition', code: 'KVM_UNAVAILABLE' });
});

test('a machine that does not come up says why, with the last words of its console, and leaves nothing', async () => {
  const rootfs = layersOf(busyboxTree(), mkdtempSync(path.join(folder, 'base-')));
  await using broken = await open({ kernel_params: ['init=/nowhere', 'rdinit=/nowhere'] });
  await expect(broken.instance.create(request('true', rootfs))).rejects.toMatchObject({
    kind: 'internal',
    message: expect.stringMatching(/QEMU exited with status \d+.*[Kk]ernel panic/),
  });
  const [id = ''] = ids;
  await expect(broken.instance.state(id)).rejects.toMatchObject({ kind: 'not-found' });
  for (const name of ['containers', 'tool']) expect(readdirSync(path.join(folder, 'state', name))).toEqual([]);
  expect(processesNaming(id)).toEqual([]);
});

/** Command lines in which it is named. */
function processesNaming(id: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/cmdline`))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(id));
}

test('a guest has its folders, and can leave nothing beside them on the host: it could fill /run, and leave what nobody can delete', async () => {
  const tree = busyboxTree();
  for (const name of ['mnt', 'folder']) mkdirSync(path.join(tree, name));
  const source = path.join(folder, 'source');
  mkdirSync(source);
  const rootfs = layersOf(tree, mkdtempSync(path.join(folder, 'base-')));
  const script = `cat /folder/given; echo out >/folder/made; busybox mknod /folder/null c 1 3
    busybox mount -t virtiofs kataShared /mnt; ls /mnt; echo filled >/mnt/file; busybox mkdir /mnt/folder; ls /folder; echo in >/mnt/0/deep; exec sleep 1000`;
  const asked = request(script, rootfs);
  const directory = path.join(asked.bundle, 'trees/0');
  const file = path.join(asked.bundle, 'config.json');
  const spec = JSON.parse(readFileSync(file, 'utf8')) as { mounts: object[]; process: object };
  spec.mounts.push({ destination: '/folder', type: 'bind', source: directory, options: ['rbind'] });
  const all = ['CAP_SYS_ADMIN', 'CAP_MKNOD', 'CAP_DAC_OVERRIDE'];
  Object.assign(spec.process, { capabilities: { bounding: all, effective: all, permitted: all } });
  writeFileSync(file, JSON.stringify(spec));
  writeFileSync(path.join(source, 'given'), 'given\n');
  const fd = linux.mountDetached([{ kind: 'bind', source, readOnly: false }]);
  const container = await subject.instance.create({ ...asked, attachments: [{ fd, directory }] }).finally(() => closeSync(fd));
  const streams = outcome(container);
  await container.start();
  for (const end = Date.now() + 60_000; !existsSync(path.join(source, 'deep')) && Date.now() < end; ) await sleep(20);
  const mounts = readFileSync(`/proc/${monitorOf(container.id)}/mountinfo`, 'utf8').split('\n');
  const shared = path.join(folder, 'state/containers', container.id, 'shared');
  const options = [shared, `${shared}/0`].map((place) => mounts.find((line) => line.split(' ')[4] === place)?.split(' ')[5]);
  expect(options).toEqual([expect.stringMatching(/^ro,nosuid,nodev,noexec\b/), expect.stringMatching(/^rw,nosuid,nodev\b/)]);
  await subject.instance.stop(container.id, { signal: 9, graceMs: 0 });
  const { stdout, stderr } = await streams;
  expect(stdout).toBe('given\n0\ngiven\nmade\n');
  expect(stderr.match(/Read-only file system|Operation not permitted/g)).toEqual([
    'Operation not permitted',
    'Read-only file system',
    'Read-only file system',
  ]);
  await subject.instance.delete(container.id);
  expect(existsSync(path.dirname(shared))).toBe(false);
});

function qemuOf(id: string): number {
  const list = readFileSync(path.join(folder, 'state/tool', id, 'processes'), 'utf8');
  return Number(/^qemu (\d+) /m.exec(list)?.[1]);
}

/** Directory of a container's control group of the host. */
function readCgroup(id: string, controller: string): string {
  const place = hostMounts()
    .filter(({ unified, controllers }) => unified || controllers.includes(controller))
    .map(({ mountPoint }) => path.join(mountPoint, 'slipway-kata-test', id))
    .find((directory) => existsSync(directory));
  return place ?? '';
}

function monitorOf(id: string): number {
  const { pid } = JSON.parse(readFileSync(path.join(folder, 'state/containers', id, 'monitor.json'), 'utf8')) as { pid: number };
  return pid;
}
