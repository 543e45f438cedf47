import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { RuntimeSpec } from '@slipway/plugin-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guestSpec } from '../dist/guest-spec.js';

let bundle = '';
beforeAll(() => {
  bundle = mkdtempSync(path.join(os.tmpdir(), 'slipway-kata-spec-'));
});
afterAll(() => rmSync(bundle, { recursive: true }));

type Changes = Partial<Omit<RuntimeSpec, 'linux'>> & { readonly linux?: Partial<RuntimeSpec['linux']> };

function specOf({ linux, ...changes }: Changes = {}): RuntimeSpec {
  return {
    ociVersion: '1.0.2',
    hostname: 'box',
    root: { path: 'rootfs' },
    process: { user: { uid: 0, gid: 0 }, args: ['true'], env: [], cwd: '/' },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    ...changes,
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type })),
      cgroupsPath: '/slipway/c',
      ...linux,
    },
  };
}

function translate(changes: Changes = {}, trees: Parameters<typeof guestSpec>[0]['trees'] = []) {
  return guestSpec({ id: 'c', bundle, spec: specOf(changes), root: '/run/kata-containers/c/rootfs', trees });
}

test('the guest has its own root, cgroup and network', () => {
  const { spec } = translate({ root: { path: 'rootfs', readonly: true } });
  expect(spec.root).toEqual({ path: '/run/kata-containers/c/rootfs', readonly: true });
  expect(spec.linux.cgroupsPath).toBe('/c');
  expect(spec.linux.namespaces.map(({ type }) => type)).toEqual(['pid', 'ipc', 'uts', 'mount', 'network', 'cgroup']);
  expect(spec.linux.namespaces.filter(({ path: joined }) => joined !== undefined)).toEqual([
    { type: 'network', path: '/proc/1/ns/net' },
  ]);
});

test("limits go with it, but for the host's processors and swap", () => {
  const { spec } = translate({
    linux: {
      resources: {
        memory: { limit: 1000, swap: 2000, swappiness: 10, reservation: 500 },
        cpu: { quota: 50_000, period: 100_000, shares: 512, cpus: '3', mems: '0' },
        pids: { limit: 10 },
      },
    },
  });
  expect(spec.linux.resources).toEqual({
    memory: { limit: 1000, reservation: 500 },
    cpu: { quota: 50_000, period: 100_000, shares: 512 },
    pids: { limit: 10 },
  });
});

describe('binds', () => {
  const bind = (source: string, options: readonly string[] = ['rbind']) => ({ destination: '/x', type: 'bind', source, options });
  const proc = { destination: '/proc', type: 'proc', source: 'proc' };

  test('files of the bundle, and read-only ones, are copied with their mode', () => {
    const hosts = path.join(bundle, 'hosts');
    writeFileSync(hosts, '127.0.0.1 localhost\n', { mode: 0o644 });
    mkdirSync(path.join(bundle, 'elsewhere'));
    const init = path.join(bundle, 'elsewhere/init');
    writeFileSync(init, 'program', { mode: 0o755 });
    const { spec, files } = translate({ mounts: [proc, bind(hosts), bind(init, ['bind', 'ro'])] });
    expect(files).toEqual([
      { path: '/run/kata-containers/c/files/0', content: Buffer.from('127.0.0.1 localhost\n'), mode: 0o644 },
      { path: '/run/kata-containers/c/files/1', content: Buffer.from('program'), mode: 0o755 },
    ]);
    expect(spec.mounts.map(({ source }) => source)).toEqual(['proc', files[0]?.path, files[1]?.path]);
  });

  test('trees that were handed over are seen through the shared file system', () => {
    const directory = path.join(bundle, 'mounts/0');
    const tree = { directory, guestPath: '/run/kata-containers/shared/0', mount: { fd: 3, directory: '/state/shared/0' } };
    const { spec, files } = translate({ mounts: [bind(directory, ['rbind', 'ro'])] }, [tree]);
    expect(spec.mounts).toEqual([bind('/run/kata-containers/shared/0', ['rbind', 'ro'])]);
    expect(files).toEqual([]);
  });

  test("what would have to be the host's own is refused", () => {
    const file = path.join(bundle, 'elsewhere/written');
    writeFileSync(file, '');
    for (const source of [file, '/tmp', '/dev/null'])
      expect(() => translate({ mounts: [bind(source)] }), source).toThrow(
        expect.objectContaining({ kind: 'unimplemented', message: expect.stringContaining(JSON.stringify(source)) }),
      );
    // The kernel says that it has 0 bytes.
    const endless = '/proc/kallsyms';
    expect(() => translate({ mounts: [bind(endless, ['ro'])] })).toThrow(/more than 3145728 bytes/);
    const big = path.join(bundle, 'big');
    writeFileSync(big, Buffer.alloc(4 * 1024 * 1024));
    expect(() => translate({ mounts: [bind(big, ['ro'])] })).toThrow(expect.objectContaining({ kind: 'unimplemented' }));
  });

  test('a pipe in the place of a file is refused: it was waited for without end', () => {
    const pipe = path.join(bundle, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(() => translate({ mounts: [bind(pipe, ['ro'])] })).toThrow(expect.objectContaining({ kind: 'unimplemented' }));
  });

  test('mounts do not pass between host and guest', () => {
    for (const word of ['rshared', 'rslave', 'shared', 'slave'])
      expect(() => translate({ mounts: [bind('/tmp', ['rbind', word])] }), word).toThrow(
        expect.objectContaining({ kind: 'unimplemented', message: expect.stringContaining(word) }),
      );
  });
});

describe('what a kernel of its own cannot share with the host is refused, with what to do', () => {
  const own = ['pid', 'ipc', 'uts', 'mount', 'network'];
  const hook = { path: '/bin/true' };
  const cases: readonly (readonly [string, Changes])[] = [
    ...own.map((type): readonly [string, Changes] => [
      `the host's ${type} namespace`,
      { linux: { namespaces: own.filter((name) => name !== type).map((name) => ({ type: name })) } },
    ]),
    [
      "another container's processes",
      { linux: { namespaces: own.map((type) => ({ type, ...(type === 'pid' ? { path: '/n' } : {}) })) } },
    ],
    ['a user namespace', { linux: { namespaces: [...own, 'user'].map((type) => ({ type })) } }],
    ['a disk of the host', { linux: { devices: [{ type: 'b', path: '/dev/sda', major: 8, minor: 0 }] } }],
    ['KVM of the host', { linux: { devices: [{ type: 'c', path: '/dev/kvm', major: 10, minor: 232 }] } }],
    ['limits of disks', { linux: { resources: { blockIO: { weight: 100 } } } }],
    ['huge pages', { linux: { resources: { hugepageLimits: [{ pageSize: '2MB', limit: 1 }] } } }],
    ['files of cgroups', { linux: { resources: { unified: { 'memory.high': '1' } } } }],
    ['no memory kills', { linux: { resources: { memory: { limit: 1, disableOOMKiller: true } } } }],
    ['hooks', { hooks: { createRuntime: [hook] } }],
  ];
  for (const [what, changes] of cases)
    test(what, () => {
      expect(() => translate(changes)).toThrow(
        expect.objectContaining({ kind: 'unimplemented', code: 'MACHINE_UNSUPPORTED', hint: expect.any(String) }),
      );
    });

  test('devices that every kernel has are no devices of the host', () => {
    expect(() => translate({ linux: { devices: [{ type: 'c', path: '/dev/zero', major: 1, minor: 5 }] } })).not.toThrow();
  });
});
