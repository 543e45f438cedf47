import * as fs from 'node:fs';
import * as os from 'node:os';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import type { ContainerSettings, Mount } from '@slipway/plugin-api';
import { describe, expect, test } from 'vitest';
import { buildSpec, type HostFacts, rootFiles, writeBundle } from '../../dist/bundle/index.js';
import { seccompProfile } from '../../dist/bundle/seccomp/index.js';
import { bare, host, image } from './hosts.js';
import { errorOf, tree } from './tree.js';

function build(settings: ContainerSettings = {}, config: unknown = { Cmd: ['sh'] }, facts: HostFacts = host, id = 'web') {
  using files = tree({ 'etc/passwd': 'root:x:0:0::/root:/bin/sh' });
  return buildSpec({ ...bare, id, image: image(config), settings, rootfs: files.root, host: facts });
}

describe('buildSpec', () => {
  test('the process comes from the image under the options', () => {
    const config = { Entrypoint: ['/entry'], Cmd: ['x'], Env: ['A=1'], WorkingDir: 'srv', User: '5:6' };
    expect(build({ env: ['A=2'], terminal: { columns: 80, rows: 24 } }, config).process).toEqual({
      terminal: true,
      consoleSize: { height: 24, width: 80 },
      user: { uid: 5, gid: 6, additionalGids: [6] },
      args: ['/entry', 'x'],
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOSTNAME=web', 'TERM=xterm', 'A=2', 'HOME=/'],
      cwd: '/srv',
      capabilities: build().process.capabilities,
      noNewPrivileges: false,
    });
    expect(build({ user: '0', workdir: '/tmp', args: ['ls'], entrypoint: ['env'] }, config).process).toMatchObject({
      user: { uid: 0, gid: 0, additionalGids: [0] },
      args: ['env', 'ls'],
      cwd: '/tmp',
      terminal: false,
    });
  });

  test('namespaces, mounts and settings follow network and host', () => {
    const types = (spec: ReturnType<typeof build>) => spec.linux.namespaces.map(({ type }) => type);
    expect(types(build())).toEqual(['mount', 'uts', 'ipc', 'pid', 'network', 'cgroup']);
    expect(types(build({}, undefined, { ...host, cgroupVersion: 1 }))).toEqual(['mount', 'uts', 'ipc', 'pid', 'network']);
    const shared = build({ network: 'host' });
    expect(types(shared)).toEqual(['mount', 'uts', 'ipc', 'pid', 'cgroup']);
    expect(shared.hostname).toBe('machine');
    expect(shared.linux.sysctl).toBeUndefined();
    expect(shared.mounts.filter(({ type }) => type === 'bind').map(({ source, destination }) => [source, destination])).toEqual([
      ['/run/systemd/resolve/stub-resolv.conf', '/etc/resolv.conf'],
      ['/etc/hosts', '/etc/hosts'],
    ]);
    expect(build().mounts.some(({ type }) => type === 'bind')).toBe(false);
    expect(build({}, undefined, { ...host, sysctls: [] }).linux.sysctl).toBeUndefined();
    expect(build().linux.maskedPaths).toContain('/sys/devices/system/cpu/cpu0/thermal_throttle');
  });

  test.each([
    ['dev', { link: '/../../../../tmp' }],
    ['dev', { link: 'etc' }],
    ['proc', { link: '/etc' }],
    ['sys', 'a file'],
  ] as const)(
    'an image with %s as %j is refused: runc 1.1 wrote to the folder of the host that /dev linked to',
    (name, entry) => {
      using files = tree({ [name]: entry, 'etc/passwd': '' });
      const attempt = () => buildSpec({ ...bare, image: image({ Cmd: ['sh'] }), settings: {}, rootfs: files.root });
      expect(errorOf(attempt)).toMatchObject({ kind: 'invalid-argument', code: 'MOUNT_POINT_INVALID' });
    },
  );

  test('host names', () => {
    expect(build({}, undefined, host, 'abcdefghijklmnop').hostname).toBe('abcdefghijkl');
    expect(build({}, undefined, host, 'abcdefghijk.mnop').hostname).toBe('abcdefghijk');
    expect(build({ hostname: 'my.box', network: 'host' }).hostname).toBe('my.box');
    for (const hostname of ['', '-x', 'x.', 'a b', 'a\nb', 'a/b', 'x'.repeat(65)]) {
      expect(errorOf(() => build({ hostname })).code).toBe('HOSTNAME_INVALID');
    }
  });

  test('the version is one that crun 1.8 takes, which refuses 1.1 and later unseen', () => {
    expect(build().ociVersion).toBe('1.0.2');
  });

  test('a hostile id is refused before anything', () => {
    for (const id of ['../x', '', '--flag'])
      expect(errorOf(() => build({}, undefined, host, id)).code).toBe('CONTAINER_ID_INVALID');
  });

  test('labels and volumes of an image are no instructions (CVE-2026-53488, CVE-2022-23648)', () => {
    const config = { Cmd: ['sh'], Labels: { 'org.slipway.hook': '/bin/evil' }, Volumes: { '/../../etc': {} } };
    expect(build({}, config)).toEqual(build());
  });

  test('devices and limits', () => {
    const { process, linux } = build();
    expect(process.rlimits).toBeUndefined();
    expect(process.oomScoreAdj).toBeUndefined();
    expect(linux.cgroupsPath).toBe('/slipway/web');
    expect(linux.resources?.devices?.[0]).toEqual({ allow: false, access: 'rwm' });
    expect(linux.resources?.devices?.slice(1).map(({ type, major, minor }) => `${type} ${major}:${minor}`)).toEqual([
      ...['c 1:3', 'c 1:5', 'c 1:8', 'c 1:9', 'c 5:0', 'c 5:1'],
    ]);
  });
});

describe('seccompProfile', () => {
  const facts = { architecture: 'arm64', kernel: { major: 6, minor: 1 }, capabilities: [] };
  const allowed = (input: Parameters<typeof seccompProfile>[0]) =>
    new Set(
      seccompProfile(input).syscalls.flatMap((rule) =>
        rule.args === undefined && rule.action === 'SCMP_ACT_ALLOW' ? rule.names : [],
      ),
    );

  test('follows architecture, kernel and capabilities', () => {
    expect(seccompProfile(facts).architectures).toEqual(['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
    // Of x32 nothing is allowed; without it each exec is some milliseconds shorter.
    expect(seccompProfile({ ...facts, architecture: 'amd64' }).architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
    expect(allowed(facts)).toContain('set_tls');
    expect(allowed(facts)).not.toContain('arch_prctl');
    expect(allowed({ ...facts, architecture: 'amd64' })).toContain('arch_prctl');
    expect(allowed(facts)).toContain('ptrace');
    expect(allowed({ ...facts, kernel: { major: 4, minor: 7 } })).not.toContain('ptrace');
    expect(allowed({ ...facts, kernel: { major: 4, minor: 7 }, capabilities: ['CAP_SYS_PTRACE'] })).toContain('ptrace');
    expect(allowed({ ...facts, kernel: { major: 5, minor: 0 } })).toContain('ptrace');
    expect(allowed(facts)).not.toContain('clone');
    expect(allowed({ ...facts, capabilities: ['CAP_SYS_ADMIN'] })).toContain('clone');
    expect(allowed({ ...facts, capabilities: ['CAP_SYS_CHROOT', '__proto__', 'constructor'] })).toContain('chroot');
    expect(errorOf(() => seccompProfile({ ...facts, architecture: 'sparc' })).code).toBe('SECCOMP_ARCHITECTURE_UNKNOWN');
  });

  test('never allows what reaches the host', () => {
    const names = allowed({ ...facts, architecture: 'amd64' });
    for (const name of [
      'keyctl',
      'add_key',
      'request_key',
      'io_uring_setup',
      'userfaultfd',
      'kexec_load',
      'swapon',
      'init_module',
      'mount',
      'unshare',
      'setns',
      'bpf',
      'socket',
      'personality',
    ]) {
      expect(names).not.toContain(name);
    }
  });

  test('the socket rules together let every family through but 38 and 40, whatever the upper half says', () => {
    const rules = seccompProfile(facts).syscalls.filter(({ names }) => names.includes('socket'));
    const passes = (family: bigint) =>
      rules.some(({ args = [] }) =>
        args.every(({ value, valueTwo = 0, op }) => op === 'SCMP_CMP_MASKED_EQ' && (family & BigInt(value)) === BigInt(valueTwo)),
      );
    for (let family = 0n; family < 64n; family++) {
      expect([family, passes(family), passes(family + 2n ** 32n)]).toEqual([
        family,
        family !== 38n && family !== 40n,
        family !== 38n && family !== 40n,
      ]);
    }
  });
});

describe('rootFiles', () => {
  test('reads whole files up to the limit and closes everything', () => {
    using files = tree({ exact: 'x'.repeat(100), 'dir/link': { link: '/exact' }, empty: '' });
    const open = () => fs.readdirSync('/proc/self/fd').length;
    const before = open();
    expect(files.root.readFile('dir/link', 100)?.toString()).toBe('x'.repeat(100));
    expect(errorOf(() => files.root.readFile('exact', 99)).code).toBe('ROOT_FILE_INVALID');
    expect(files.root.readFile('/empty', 0)?.length).toBe(0);
    expect(files.root.readFile('missing', 1)).toBeUndefined();
    expect(files.root.find('dir/link')).toMatchObject({ kind: 'file', path: '/exact' });
    expect(files.root.find('dir/link', { followLast: false })).toMatchObject({ kind: 'symlink', path: '/dir/link' });
    expect(files.root.find('../..')).toMatchObject({ kind: 'directory', path: '/' });
    expect(open()).toBe(before);
  });

  test.each([
    ['bind', (upper: string): Mount => ({ kind: 'bind', source: upper, readOnly: false })],
    ['overlay', (upper: string, lower: string): Mount => ({ kind: 'overlay', lower: [upper, lower] })],
  ])('sees a tree of kind %s that is mounted nowhere', (_, mount) => {
    using below = tree({ 'a/below': '' });
    using files = tree({ 'a/file': 'inside', link: { link: '/a/file' }, out: { link: '../../../etc/hostname' } });
    const fd = linux.mountDetached([mount(files.directory, below.directory)], { readOnly: true });
    try {
      const root = rootFiles(linux, fd);
      expect(root.readFile('link', 10)?.toString()).toBe('inside');
      expect(root.find('/../link')).toMatchObject({ kind: 'file', path: '/a/file' });
      expect(root.find('/')).toMatchObject({ kind: 'directory', path: '/' });
      expect(root.find('out')).toBeUndefined();
    } finally {
      fs.closeSync(fd);
    }
  });
});

describe('writeBundle', () => {
  test('modes, content, no second bundle in one place, nothing left after a failure', async () => {
    const parent = fs.mkdtempSync(join(os.tmpdir(), 'slipway-write-'));
    try {
      const spec = build();
      const directory = join(parent, 'bundle');
      await writeBundle(directory, spec);
      const mode = (name: string) => (fs.statSync(join(directory, name)).mode & 0o777).toString(8);
      expect([mode('.'), mode('rootfs'), mode('config.json')]).toEqual(['700', '700', '600']);
      expect(JSON.parse(fs.readFileSync(join(directory, 'config.json'), 'utf8'))).toEqual(spec);
      await expect(writeBundle(directory, spec)).rejects.toMatchObject({ kind: 'already-exists' });
      expect(fs.existsSync(join(directory, 'config.json'))).toBe(true);
      const broken = { ...spec, annotations: { x: 1n as unknown as string } };
      await expect(writeBundle(join(parent, 'broken'), broken)).rejects.toMatchObject({ kind: 'internal' });
      await expect(writeBundle(join(parent, 'no/parent'), spec)).rejects.toMatchObject({ kind: 'not-found' });
      expect(fs.readdirSync(parent)).toEqual(['bundle']);
    } finally {
      fs.rmSync(parent, { recursive: true });
    }
  });
});
