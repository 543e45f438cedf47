import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { ContainerSettings, RuntimeSpec } from '@slipway/plugin-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SpecInput } from '../../dist/bundle/index.js';
import { Box } from './runc.js';

let box: Box;
beforeAll(() => {
  box = new Box();
});
afterAll(() => box[Symbol.dispose]());

async function outputOf(spec: RuntimeSpec): Promise<string> {
  const { status, stdout, stderr } = await box.run(spec);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.trim();
}

const shell = (script: string, settings: ContainerSettings = {}, more: Partial<SpecInput> = {}) =>
  outputOf(box.spec({ ...settings, args: ['sh', '-c', script] }, {}, more));

const ownLimit = (name: string) => execFileSync('sh', ['-c', `ulimit -H ${name}`], { encoding: 'utf8' }).trim();

describe('the process', () => {
  test('user and further groups', async () => {
    const groups = await shell('id -G', { user: 'app', groups: ['4242', 'root'] });
    expect(
      groups
        .split(' ')
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual([0, 10, 1000, 4242]);
  });

  test('capabilities that were added, dropped, and all', async () => {
    const effective = 'while read k v; do [ "$k" = CapEff: ] && echo "$v"; done < /proc/self/status; true';
    expect(await shell(effective, { capDrop: ['ALL'], capAdd: ['chown'] })).toBe('0000000000000001');
    expect(await shell(effective, { capDrop: ['all'] })).toBe('0000000000000000');
    expect(await shell(effective, { capAdd: ['ALL'] })).toBe(
      /CapBnd:\s*(\S+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1],
    );
  });

  test('no new privileges, and no filter', async () => {
    const status = await shell('cat /proc/self/status', { noNewPrivileges: true, seccomp: 'unconfined' });
    expect(status).toContain('NoNewPrivs:\t1');
    expect(status).toContain('Seccomp:\t0');
  });

  test('limits: set, none, and ours where nothing is said', async () => {
    const limits: ContainerSettings = {
      rlimits: [
        { name: 'nofile', soft: 100, hard: 200 },
        { name: 'core', soft: -1, hard: -1 },
      ],
    };
    expect(await shell('ulimit -S -n; ulimit -H -n; ulimit -S -c', limits)).toBe('100\n200\nunlimited');
    expect(await shell('ulimit -H -n')).toBe(ownLimit('-n'));
  });

  test('oom score', async () => {
    expect(await shell('cat /proc/self/oom_score_adj', { oomScoreAdj: 321 })).toBe('321');
  });

  test('a profile of the user’s denies mkdir, and nothing else', async () => {
    const seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      archMap: [{ architecture: 'SCMP_ARCH_X86_64' }, { architecture: 'SCMP_ARCH_AARCH64' }],
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 122 }],
    };
    expect(await shell('mkdir /tmp/x 2>&1; touch /tmp/y && echo made', { seccomp })).toMatch(/^mkdir: .*quota exceeded\nmade$/i);
  });
});

describe('what it sees', () => {
  test('host name, domain, kernel settings', async () => {
    const settings = {
      hostname: 'db',
      domainname: 'example.com',
      sysctls: { 'net.ipv4.ip_forward': '1', 'kernel.msgmax': '4096' },
    };
    const files = '/proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax';
    expect(await shell(`hostname; cat ${files}`, settings)).toBe('db\nexample.com\n1\n4096');
  });

  test('namespaces of the host’s', async () => {
    const own = ['pid', 'ipc', 'uts', 'net'].map((name) => fs.readlinkSync(`/proc/self/ns/${name}`)).join('\n');
    const links = 'for n in pid ipc uts net; do readlink /proc/self/ns/$n; done';
    const namespaces = { pid: 'host', ipc: 'host', uts: 'host' } as const;
    expect(await shell(links, { network: 'host', namespaces })).toBe(own);
    for (const other of (await shell(links)).split('\n')) expect(own).not.toContain(other);
    expect(await shell('readlink /proc/self/ns/cgroup', { namespaces: { cgroup: 'private' } })).not.toBe(
      fs.readlinkSync('/proc/self/ns/cgroup'),
    );
  });

  test('namespaces of another process', async () => {
    const namespacePaths = {
      pid: `/proc/${process.pid}/ns/pid`,
      ipc: `/proc/${process.pid}/ns/ipc`,
      network: `/proc/${process.pid}/ns/net`,
    };
    const links = 'for n in pid ipc net; do readlink /proc/self/ns/$n; done';
    expect(await shell(links, {}, { namespacePaths })).toBe(
      ['pid', 'ipc', 'net'].map((name) => fs.readlinkSync(`/proc/self/ns/${name}`)).join('\n'),
    );
  });

  test('size of shared memory', async () => {
    expect(await shell('stat -f -c "%b %S" /dev/shm', { shmSize: 8 * 1024 * 1024 })).toBe('2048 4096');
  });

  test('masked and read-only paths, more, fewer and none', async () => {
    expect(await shell('cat /etc/passwd', { mask: ['/etc/passwd'] })).toBe('');
    const covered = async (settings: ContainerSettings) =>
      (await shell('cut -d" " -f2 /proc/mounts', settings))
        .split('\n')
        .filter((path) => path.startsWith('/proc/'))
        .sort();
    const usual = await covered({});
    expect(usual).toEqual(expect.arrayContaining(['/proc/keys', '/proc/irq', '/proc/sys']));
    expect(await covered({ unmask: ['/proc/irq', '/proc/keys'] })).toEqual(
      usual.filter((path) => path !== '/proc/irq' && path !== '/proc/keys'),
    );
    expect(await covered({ maskedPaths: false, readonlyPaths: false })).toEqual([]);
  });

  // Numbers that no driver has: whoever may open it is told so, whoever may not is refused before.
  test('devices: one under another name, a folder, what was not allowed', async () => {
    const folder = join(box.directory, 'devices');
    fs.mkdirSync(folder);
    execFileSync('mknod', [join(folder, 'ghost'), 'c', '239', '77']);
    execFileSync('mknod', [join(folder, 'zeros'), 'c', '1', '5']);
    const [refused, nobody] = [/Operation not permitted$/, /No such device or address$/];
    const ghost = (permissions: string) => ({ devices: [{ source: join(folder, 'ghost'), target: '/dev/g', permissions }] });
    expect(await shell('cat /dev/g 2>&1; true', ghost('r'))).toMatch(nobody);
    expect(await shell('cat /dev/g 2>&1; true', ghost('w'))).toMatch(refused);
    const all = { devices: [{ source: folder, target: '/dev/mine' }] };
    expect(await shell('ls /dev/mine; head -c 3 /dev/mine/zeros | wc -c; cat /dev/mine/ghost 2>&1; true', all)).toMatch(
      /^ghost\nzeros\n3\n.*No such device or address$/,
    );
    const made = 'mknod /tmp/made c 239 5; cat /tmp/made 2>&1; rm /tmp/made';
    expect(await shell(made)).toMatch(refused);
    expect(await shell(made, { deviceRules: ['c 239:* r'] })).toMatch(nobody);
    expect(await shell(made, { deviceRules: ['c 239:6 r'] })).toMatch(refused);
  });

  test('a privileged container: everything', async () => {
    const [status = '', ...rest] = (
      await shell(
        'cat /proc/self/status | grep CapEff; test -e /dev/tty0 -o -e /dev/full && echo devices; mount -t tmpfs none /tmp && echo mounts; test -w /proc/sys/kernel/hostname && echo kernel; mkdir /sys/fs/cgroup/x 2>/dev/null; grep " /sys " /proc/mounts | cut -d" " -f4 | cut -c1-2',
        { privileged: true },
      )
    ).split('\n');
    expect(status).toBe(`CapEff:\t${/CapBnd:\s*(\S+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''}`);
    expect(rest).toEqual(['devices', 'mounts', 'kernel', 'rw']);
  });
});

describe('init', () => {
  test('is process 1, with a root that cannot be written, and the exit code is the program’s', async () => {
    for (const readOnly of [false, true]) {
      expect(await shell('cat /proc/1/comm; [ $$ != 1 ] && echo not 1', { init: true, readOnly })).toBe('slipway-init\nnot 1');
    }
    expect((await box.run(box.spec({ init: true, args: ['sh', '-c', 'exit 42'] }))).status).toBe(42);
    expect((await box.run(box.spec({ init: true, args: ['sh', '-c', 'kill -TERM $$'] }))).status).toBe(143);
  });

  test('where something is mounted on /dev it is in the root', async () => {
    const mounts = [{ destination: '/dev', type: 'bind', source: '/dev', options: ['rbind', 'rslave'] }];
    expect(await shell('cat /proc/1/comm; ls -d /slipway-init', { init: true }, { mounts })).toBe('slipway-init\n/slipway-init');
    expect(fs.existsSync('/dev/slipway-init')).toBe(false);
  });

  test('as any user', async () => {
    expect(await shell('cat /proc/1/comm; id -u', { init: true, user: 'app', capDrop: ['ALL'] })).toBe('slipway-init\n1000');
  });
});

describe('hooks', () => {
  test('get their own environment and the state with annotations, nothing of the container’s environment or ours', async () => {
    const script = join(box.directory, 'hook');
    const said = join(box.directory, 'said');
    fs.writeFileSync(script, `#!/bin/sh\nenv > ${said}.env\ncat > ${said}.state\n`, { mode: 0o755 });
    await shell('true', {
      env: ['LD_PRELOAD=/evil.so', 'SECRET=x'],
      annotations: { 'com.example.a': 'b' },
      hooks: { createRuntime: [{ path: script, env: ['ONLY=this'] }], poststop: [{ path: '/bin/true' }] },
    });
    const env = fs
      .readFileSync(`${said}.env`, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !/^(PWD|SHLVL|_|OLDPWD)=/.test(line));
    expect(env).toEqual(['ONLY=this']);
    expect(JSON.parse(fs.readFileSync(`${said}.state`, 'utf8'))).toMatchObject({
      annotations: { 'com.example.a': 'b', 'slipway.name': 'web' },
    });
  });

  test('without a list the environment is empty, and not ours', async () => {
    const script = join(box.directory, 'bare-hook');
    const said = join(box.directory, 'bare-said');
    fs.writeFileSync(script, `#!/bin/sh\nenv > ${said}\n`, { mode: 0o755 });
    process.env['SLIPWAY_TEST_SECRET'] = 'x';
    try {
      await shell('true', { hooks: { createRuntime: [{ path: script }] } });
    } finally {
      delete process.env['SLIPWAY_TEST_SECRET'];
    }
    expect(fs.readFileSync(said, 'utf8')).not.toContain('SECRET');
  });
});
