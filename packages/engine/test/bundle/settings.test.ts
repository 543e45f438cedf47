import type { ContainerSettings, RuntimeMount } from '@slipway/plugin-api';
import { describe, expect, test } from 'vitest';
import { buildSpec, findCommand, type SpecInput, stopSignalOf } from '../../dist/bundle/index.js';
import { bare, host, image } from './hosts.js';
import { errorOf, type TreeEntry, tree } from './tree.js';

const usual: Record<string, TreeEntry> = {
  'etc/passwd': 'root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n',
  'etc/group': 'root:x:0:\nwheel:x:10:app\naudio:x:29:\nbroken:x:many:\n',
  'bin/sh': { content: '', mode: 0o755 },
};

function build(settings: ContainerSettings, more: Partial<SpecInput> = {}, files = usual) {
  using at = tree(files);
  return buildSpec({ ...bare, image: image({ Cmd: ['sh'] }), rootfs: at.root, settings, ...more });
}
const volume = (destination: string, ...options: string[]): RuntimeMount => ({
  destination,
  type: 'bind',
  source: '/srv',
  options,
});

describe('groups', () => {
  test('are added to the user’s, by name of the image or by number, each once', () => {
    expect(build({ user: 'app', groups: ['audio', '29', '777', 'wheel'] }).process.user).toEqual({
      uid: 1000,
      gid: 1000,
      additionalGids: [1000, 10, 29, 777],
    });
    expect(build({ groups: [] }).process.user.additionalGids).toEqual([0]);
  });

  test.each([
    ['no-such-group', 'GROUP_NOT_FOUND'],
    ['', 'USER_INVALID'],
    ['-1', 'USER_INVALID'],
    ['4294967296', 'USER_INVALID'],
    ['broken', 'USER_INVALID'],
  ])('%j is refused', (group, code) => {
    expect(errorOf(() => build({ groups: [group] })).code).toBe(code);
  });

  test('more than the kernel takes are refused', () => {
    const groups = Array.from({ length: 65_536 }, (_, index) => String(index + 1));
    expect(errorOf(() => build({ groups }))).toMatchObject({
      code: 'USER_INVALID',
      message: expect.stringContaining('65537 groups'),
    });
  });
});

describe('the kernel’s own file systems', () => {
  const at = (settings: ContainerSettings, destination: string, more: Partial<SpecInput> = {}) =>
    build(settings, more).mounts.find((mount) => mount.destination === destination);

  test('the user’s mounts come after them', () => {
    const spec = build({}, { mounts: [volume('/dev/x')] });
    expect(spec.mounts.at(-1)).toEqual(volume('/dev/x'));
    expect(spec.mounts[0]?.destination).toBe('/proc');
  });

  test('size of /dev/shm', () => {
    expect(at({}, '/dev/shm')?.options).toContain('size=67108864');
    expect(at({ shmSize: 1024 }, '/dev/shm')?.options).toContain('size=1024');
    for (const shmSize of [0, -1, 1.5, Number.NaN, Infinity])
      expect(errorOf(() => build({ shmSize })).code).toBe('SHM_SIZE_INVALID');
    expect(errorOf(() => build({ shmSize: 1, namespaces: { ipc: 'host' } })).code).toBe('SHM_SIZE_INVALID');
  });

  test('the host’s shared memory with the host’s IPC', () => {
    const host = at({ namespaces: { ipc: 'host' } }, '/dev/shm');
    expect(host).toMatchObject({ type: 'bind', source: '/dev/shm' });
    expect(at({ namespaces: { ipc: 'host' } }, '/dev/mqueue')).toMatchObject({ type: 'mqueue' });
  });

  test('a privileged container may write to /sys, and nothing is hidden from it', () => {
    for (const path of ['/sys', '/sys/fs/cgroup']) {
      expect(at({}, path)?.options).toContain('ro');
      expect(at({ privileged: true }, path)?.options).toContain('rw');
    }
    const { linux, process } = build({ privileged: true });
    expect(linux).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
    expect(linux.seccomp).toBeUndefined();
    expect(linux.resources?.devices).toEqual([{ allow: true, access: 'rwm' }]);
    expect(linux.devices?.length).toBeGreaterThan(1);
    expect(process.capabilities?.effective).toEqual(host.capabilities);
  });

  test('propagation of the root follows the mount that asks for most', () => {
    const propagation = (...options: string[]) =>
      build({}, { mounts: options.map((option) => volume('/x', option)) }).linux.rootfsPropagation;
    expect([propagation('rprivate'), propagation('rslave'), propagation('slave', 'rshared')]).toEqual([
      undefined,
      'rslave',
      'shared',
    ]);
  });
});

describe('masked and read-only paths', () => {
  const paths = (settings: ContainerSettings) => {
    const { maskedPaths = [], readonlyPaths = [] } = build(settings).linux;
    return { maskedPaths, readonlyPaths };
  };
  const all = paths({});

  test('lists of the user replace ours, false takes them away', () => {
    expect(paths({ maskedPaths: ['/proc/x'] })).toEqual({ ...all, maskedPaths: ['/proc/x'] });
    expect(paths({ maskedPaths: false, readonlyPaths: false })).toEqual({ maskedPaths: [], readonlyPaths: [] });
    expect(paths({ privileged: true, maskedPaths: ['/proc/x'] })).toEqual({ maskedPaths: ['/proc/x'], readonlyPaths: [] });
  });

  test('mask adds, unmask takes away, with what is below', () => {
    expect(paths({ mask: ['/srv', '/proc/sys'] })).toEqual({
      maskedPaths: [...all.maskedPaths, '/srv', '/proc/sys'],
      readonlyPaths: all.readonlyPaths.filter((path) => path !== '/proc/sys'),
    });
    expect(paths({ unmask: ['/proc/kcore', '/sys'] }).maskedPaths).toEqual(
      all.maskedPaths.filter((path) => path !== '/proc/kcore' && !path.startsWith('/sys/')),
    );
    expect(paths({ unmask: ['/'], mask: ['/proc/keys'] })).toEqual({ maskedPaths: ['/proc/keys'], readonlyPaths: [] });
    expect(paths({ unmask: ['/proc/k'] })).toEqual(all);
  });

  test.each(['', 'proc', '/proc/../etc', '/x\0'])('%j is refused', (path) => {
    for (const settings of [{ mask: [path] }, { unmask: [path] }, { maskedPaths: [path] }, { readonlyPaths: [path] }])
      expect(errorOf(() => build(settings)).kind).toBe('invalid-argument');
  });
});

describe('init', () => {
  const found = (settings: ContainerSettings, mounts: RuntimeMount[] = [], files = usual) => {
    const { process, mounts: all } = build({ init: true, ...settings }, { mounts }, files);
    const mount = all.find(({ source }) => source === host.initProgram);
    return { args: process.args, destination: mount?.destination, options: mount?.options, order: mount && all.indexOf(mount) };
  };

  test('stands before the program, mounted read-only in /dev, before the user’s mounts', () => {
    const { args, destination, options, order = 0 } = found({}, [volume('/srv')]);
    expect(args).toEqual(['/dev/slipway-init', '--', 'sh']);
    expect(destination).toBe('/dev/slipway-init');
    expect(options).toContain('ro');
    expect(order).toBeGreaterThan(build({}).mounts.findIndex((mount) => mount.destination === '/dev'));
    expect(found({ init: false }).args).toEqual(['sh']);
  });

  test('in the root itself where the user mounts on /dev', () => {
    expect(found({}, [volume('/dev')]).args[0]).toBe('/slipway-init');
    expect(found({}, [volume('/dev/')]).args[0]).toBe('/slipway-init');
    expect(found({}, [volume('/dev/shm')]).args[0]).toBe('/dev/slipway-init');
    for (const entry of [{ link: '/etc/passwd' }, { directory: true as const }])
      expect(errorOf(() => found({}, [volume('/dev')], { ...usual, 'slipway-init': entry })).code).toBe('INIT_COVERED');
    expect(errorOf(() => found({}, [volume('/dev'), volume('/slipway-init')])).code).toBe('INIT_COVERED');
    expect(errorOf(() => found({}, [volume('/')])).code).toBe('INIT_COVERED');
  });

  test('the program behind it is looked for as without it', () => {
    using at = tree(usual);
    const process = { args: ['/dev/slipway-init', '--', 'sh'], env: ['PATH=/bin'], cwd: '/' };
    expect(findCommand(at.root, process)).toBe('/bin/sh');
    expect(errorOf(() => findCommand(at.root, { ...process, args: ['/dev/slipway-init', '--', 'no'] })).code).toBe(
      'COMMAND_NOT_FOUND',
    );
  });

  test('missing on this host: said before anything is made', () => {
    const { initProgram: _, ...without } = host;
    expect(errorOf(() => build({ init: true }, { host: without }))).toMatchObject({
      kind: 'failed-precondition',
      code: 'INIT_MISSING',
    });
  });
});

describe('the rest', () => {
  test('limits are merged with the rules of devices', () => {
    const resources = { memory: { limit: 5 }, devices: [{ allow: true, type: 'c', major: 9, minor: 9, access: 'r' }] };
    const { linux } = build({ deviceRules: ['c 8:8 r'] }, { resources });
    expect(linux.resources?.memory).toEqual({ limit: 5 });
    expect(linux.resources?.devices?.slice(-2).map(({ major }) => major)).toEqual([8, 9]);
  });

  test('cgroups are made below the parent by whoever makes them here', () => {
    expect(build({ cgroupParent: '/jobs' }).linux.cgroupsPath).toBe('/jobs/web');
    expect(build({}, { host: { ...host, cgroupDriver: 'systemd' } }).linux.cgroupsPath).toBe('system.slice:slipway:web');
    expect(errorOf(() => build({ cgroupParent: '../x' })).kind).toBe('invalid-argument');
  });

  test('the name is for hooks, labels and the image’s for nobody', () => {
    const config = { Cmd: ['sh'], Labels: { 'run.oci.handler': 'x' } };
    const spec = build({ labels: { a: 'b' }, annotations: { c: 'd' } }, { name: 'db', image: image(config) });
    expect(spec.annotations).toEqual({ c: 'd', 'slipway.name': 'db' });
    expect(JSON.stringify(spec)).not.toContain('run.oci');
    expect(errorOf(() => build({ labels: { 'slipway.x': '' } })).code).toBe('LABEL_INVALID');
  });

  test('flags of the process', () => {
    const { process } = build({ noNewPrivileges: true, oomScoreAdj: 500, rlimits: [{ name: 'core', soft: 0, hard: 0 }] });
    expect(process).toMatchObject({
      noNewPrivileges: true,
      oomScoreAdj: 500,
      rlimits: [{ type: 'RLIMIT_CORE', soft: 0, hard: 0 }],
    });
  });

  test('the stop signal: the user’s, the image’s, SIGTERM', () => {
    expect(stopSignalOf(image({ StopSignal: 'SIGQUIT' }), {})).toBe(3);
    expect(stopSignalOf(image({ StopSignal: 'SIGQUIT' }), { stopSignal: 'INT' })).toBe(2);
    expect(stopSignalOf(image({}), {})).toBe(15);
    expect(stopSignalOf(image({ StopSignal: null }), {})).toBe(15);
    expect(errorOf(() => build({}, { image: image({ Cmd: ['sh'], StopSignal: 'SIGEVIL' }) })).code).toBe('SIGNAL_INVALID');
    expect(errorOf(() => build({ stopSignal: 0 })).code).toBe('SIGNAL_INVALID');
    expect(errorOf(() => build({}, { image: image({ Cmd: ['sh'], StopSignal: [] }) })).code).toBe('IMAGE_CONFIG_INVALID');
  });
});
