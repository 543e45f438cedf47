import * as fs from 'node:fs';
import * as os from 'node:os';
import type { RuntimeSpec } from '@slipway/plugin-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readHostFacts } from '../../dist/bundle/index.js';
import { seccompProfile } from '../../dist/bundle/seccomp/index.js';
import { Box } from './runc.js';

let box: Box;

beforeAll(() => {
  box = new Box();
  box.addProbe();
});

afterAll(() => {
  box[Symbol.dispose]();
});

/** Standard output of a container that must succeed. */
async function outputOf(spec: RuntimeSpec, options?: { readonly tty: boolean }): Promise<string> {
  const { status, stdout, stderr } = await box.run(spec, options);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

const shell = (script: string, options: Parameters<Box['spec']>[0] = {}, config?: unknown) =>
  box.spec({ ...options, args: ['sh', '-c', script] }, config);

/** With CAP_SYS_ADMIN: what is refused then is refused by the filter, not for want of the capability. */
function withAdmin(spec: RuntimeSpec, seccomp = spec.linux.seccomp): RuntimeSpec {
  const capabilities = ['CAP_SYS_ADMIN', 'CAP_NET_RAW'];
  const process = { ...spec.process, capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities } };
  const { seccomp: _, ...rest } = spec.linux;
  return { ...spec, process, linux: seccomp === undefined ? rest : { ...rest, seccomp } };
}

describe('the default profile, in the kernel', () => {
  test('a shell works with exactly the default capabilities', async () => {
    const status = await outputOf(box.spec({ args: ['cat', '/proc/self/status'] }));
    for (const line of ['CapInh:\t0000000000000000', 'CapAmb:\t0000000000000000', 'NoNewPrivs:\t0', 'Seccomp:\t2']) {
      expect(status).toContain(line);
    }
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) expect(status).toContain(`${set}:\t00000000a80425fb`);
  });

  const expected = [
    ...['keyctl EPERM', 'mount EPERM', 'bpf EPERM', 'io_uring_setup EPERM', 'userfaultfd EPERM', 'open_by_handle_at EPERM'],
    ...['clone3 ENOSYS', 'clone_newuser EPERM', 'unshare_user EPERM', 'family 38 EPERM', 'family 40 EPERM', 'socket_inet 0'],
    // For the kernel 2^32 + 38 is 38.
    ...['socket_alg_high EPERM', 'socket_vsock_high EPERM'],
    ...['personality 0', 'personality_no_random EPERM', 'unknown ENOSYS'],
  ];

  test('dangerous calls are refused', async () => {
    expect((await outputOf(box.spec({ args: ['probe'] }))).trim().split('\n')).toEqual(expected);
  });

  test('they are refused by the filter, whatever the capabilities', async () => {
    expect((await outputOf(withAdmin(box.spec({ args: ['probe'] })))).trim().split('\n')).toEqual(
      expect.arrayContaining(expected),
    );
  });

  test('compiled for CAP_SYS_ADMIN it lets mount and unshare through, and still not the rest', async () => {
    const seccomp = seccompProfile({ ...readHostFacts(), capabilities: ['CAP_SYS_ADMIN'] });
    const lines = (await outputOf(withAdmin(box.spec({ args: ['probe'] }), seccomp))).trim().split('\n');
    expect(lines).toEqual(
      expect.arrayContaining(['mount 0', 'clone3 EINVAL', 'keyctl EPERM', 'io_uring_setup EPERM', 'family 38 EPERM']),
    );
  });

  test('without a filter the probe gets further, so the tests above show something', async () => {
    const { seccomp: _, ...linux } = box.spec({}, { Cmd: ['probe'] }).linux;
    const lines = (await outputOf({ ...box.spec({ args: ['probe'] }), linux })).trim().split('\n');
    expect(lines).toEqual(expect.arrayContaining(['keyctl 0', 'clone3 EINVAL', 'personality_no_random 0']));
    expect(lines).not.toContain('family 40 EPERM');
  });

  test('unshare -U and mount fail in a shell', async () => {
    const { status, stderr } = await box.run(shell('unshare -U true || mount -t tmpfs none /tmp'));
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/unshare.*not permitted[\s\S]*mount.*denied/i);
  });
});

describe('what a container sees', () => {
  test('name, environment and folder', async () => {
    const spec = shell('hostname; pwd; echo $HOME $PATH $HOSTNAME', { workdir: '/made/for/me' });
    const name = String(spec.hostname);
    expect(name).toMatch(/^[0-9a-f]{12}$/);
    expect(await outputOf(spec)).toBe(
      `${name}\n/made/for/me\n/root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ${name}\n`,
    );
  });

  test('a user of the image with all its groups', async () => {
    expect(await outputOf(shell('id -u; id -g; id -G; echo $HOME', {}, { User: 'app' }))).toBe(
      '1000\n1000\n1000 10\n/home/app\n',
    );
    expect(await outputOf(shell('id -u; id -g; id -G', { user: '77:88' }, { User: 'app' }))).toBe('77\n88\n88\n');
  });

  test('masked paths are empty, others read-only', async () => {
    const script = 'for f in interrupts keys timer_list kcore; do test ! -e /proc/$f || cat /proc/$f; done; ls /sys/firmware';
    expect(await outputOf(shell(script))).toBe('');
    const { status, stderr } = await box.run(
      shell('echo 1 > /proc/sys/kernel/panic; echo 1 > /proc/irq/default_smp_affinity; echo 1 > /sys/kernel/mm/ksm/run; false'),
    );
    expect(status).not.toBe(0);
    expect(stderr.match(/Read-only file system/g)).toHaveLength(3);
  });

  test('only its own devices and processes, and its cgroup read-only', async () => {
    const lines = (await outputOf(shell('ls /dev; echo $$; grep cgroup /proc/mounts'))).trim().split('\n');
    const at = lines.indexOf('1');
    expect(lines.slice(0, at)).toEqual([
      'fd',
      'full',
      'mqueue',
      'null',
      'ptmx',
      'pts',
      'random',
      'shm',
      'stderr',
      'stdin',
      'stdout',
      'tty',
      'urandom',
      'zero',
    ]);
    const cgroups = lines.slice(at + 1).filter((line) => /^cgroup2? /.test(line));
    expect(cgroups.length).toBeGreaterThan(0);
    for (const line of cgroups) expect(line).toMatch(/ ro,/);
  });

  test('ports below 1024 are free to any user in a network of its own', async () => {
    expect(await outputOf(box.spec({ args: ['cat', '/proc/sys/net/ipv4/ip_unprivileged_port_start'], user: 'app' }))).toBe('0\n');
  });

  test("the host's network brings its name and its name service files, which stay as they are", async () => {
    const spec = shell('hostname; cat /etc/hosts; cat /etc/resolv.conf; echo x >> /etc/hosts || echo refused', {
      network: 'host',
    });
    const { status, stdout } = await box.run(spec);
    const files = ['/etc/hosts', '/etc/resolv.conf']
      .filter((path) => fs.existsSync(path))
      .map((path) => fs.readFileSync(path, 'utf8'));
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${os.hostname()}\n${files.join('')}refused\n` });
  });

  test('a read-only root, with a working directory made in it before', async () => {
    const { stdout, stderr } = await box.run(
      shell('pwd; touch /file; touch /dev/shm/file', { readOnly: true, workdir: '/made/first' }),
    );
    expect(stdout).toBe('/made/first\n');
    expect(stderr.match(/Read-only file system/g)).toHaveLength(1);
  });

  test('a terminal', async () => {
    const spec = shell('tty; echo $TERM', { terminal: { columns: 80, rows: 24 } });
    expect(await outputOf(spec, { tty: true })).toContain('/dev/pts/0\r\nxterm\r\n');
  });
});

test('runc refuses what relative folders in PATH lead to, so the look-up does as well', async () => {
  const { status, stderr } = await box.run(box.spec({ args: ['sh'], env: ['PATH=bin'] }));
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/relative to current directory|not found in \$PATH/);
});
