import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { CliPlace } from './cli-place.ts';

const cli = await CliPlace.make();
afterEach(() => cli.clear());
afterAll(() => cli[Symbol.dispose]());

const says = async (flags: readonly string[], script: string): Promise<string> =>
  (await cli.out('run', '--rm', ...flags, 'box', 'sh', '-c', script)).trim();
const namespace = (name: string, pid: string | number = 'self'): string => readlinkSync(`/proc/${pid}/ns/${name}`);

/** A process of this host with a number that is free, or about to be. */
async function processNumbered(pid: number): Promise<Disposable> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    writeFileSync('/proc/sys/kernel/ns_last_pid', `${pid - 1}`);
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    if (child.pid === pid) return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  throw new Error(`no process got the number ${pid}`);
}

describe('namespaces', () => {
  it('the host’s', async () => {
    for (const [flag, name] of [
      ['--pid', 'pid'],
      ['--ipc', 'ipc'],
      ['--uts', 'uts'],
      ['--network', 'net'],
      ['--cgroupns', 'cgroup'],
    ] as const)
      expect([flag, await says([flag, 'host'], `readlink /proc/self/ns/${name}`)]).toEqual([flag, namespace(name)]);
    expect(await says(['--cgroupns', 'private'], 'readlink /proc/self/ns/cgroup')).not.toBe(namespace('cgroup'));
  });

  it('another container’s, which must run', async () => {
    const id = await cli.sleeper('first');
    const [{ pid } = { pid: 0 }] = await cli.json<{ pid: number }[]>('inspect', 'first');
    const links = 'readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc; cat /proc/1/comm';
    expect(await says(['--pid', 'container:first', '--ipc', `container:${id.slice(0, 12)}`], links)).toBe(
      `${namespace('pid', pid)}\n${namespace('ipc', pid)}\nsh`,
    );
    await cli.out('create', '--name', 'second', '--pid', 'container:first', 'box', 'true');
    await cli.out('stop', 'first');
    expect(await cli.refused('start', 'second')).toMatchObject({ status: 1, kind: 'failed-precondition' });
    expect(await cli.refused('create', '--pid', 'container:', 'box')).toMatchObject({ kind: 'invalid-argument' });
    expect(await cli.refused('create', '--pid', 'hosts', 'box')).toMatchObject({ kind: 'invalid-argument' });
  });

  it('another container’s is never that of a process which has its number by now, at a restart', async () => {
    await cli.sleeper('gone');
    const [{ pid } = { pid: 0 }] = await cli.json<{ pid: number }[]>('inspect', 'gone');
    const flags = ['--pid', 'container:gone', '--ipc', 'container:gone', '--restart', 'always'];
    await cli.out('run', '-d', '--name', 'stays', ...flags, 'box', 'sleep', '1000');
    await cli.out('kill', 'gone');
    using _other = await processNumbered(pid);
    const tries = async (): Promise<number> => (await cli.json<{ restarts: number }[]>('inspect', 'stays'))[0]?.restarts ?? 0;
    await expect.poll(tries, { timeout: 60_000 }).toBeGreaterThan(3);
    // Without that namespace it cannot run.
    const [{ status } = { status: '' }] = await cli.json<{ status: string }[]>('inspect', 'stays');
    expect(status).toBe('restarting');
    await cli.out('rm', '-f', 'stays');
  });

  it('kernel settings of its own namespaces, and of no others', async () => {
    const flags = ['--sysctl', 'net.ipv4.ip_forward=1', '--sysctl', 'kernel.msgmax=4096'];
    expect(await says(flags, 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax')).toBe('1\n4096');
    for (const refused of [
      ['--sysctl', 'kernel.core_pattern=|/evil'],
      ['--network', 'host', '--sysctl', 'net.ipv4.ip_forward=1'],
      ['--ipc', 'host', '--sysctl', 'kernel.msgmax=1'],
    ])
      expect(await cli.refused('create', ...refused, 'box')).toMatchObject({ code: 'SYSCTL_INVALID' });
  });
});

describe('files and devices', () => {
  it('read-only root, size of shared memory, shared with the host', async () => {
    expect(await says(['--read-only'], 'touch /x 2>&1; touch /dev/shm/y && echo shm')).toMatch(/Read-only file system\nshm$/);
    expect(await says(['--shm-size', '8m'], 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2')).toBe('8192');
    expect(await says(['--ipc', 'host'], 'stat -c %d /dev/shm')).toBe(
      execFileSync('stat', ['-c', '%d', '/dev/shm'], { encoding: 'utf8' }).trim(),
    );
  });

  // Numbers that no driver has: whoever may open it is told so, whoever may not is refused before.
  it('devices, by place, in a folder, and by rule', async () => {
    const folder = path.join(cli.place.folder, 'devices');
    mkdirSync(folder);
    execFileSync('mknod', ['-m', '600', path.join(folder, 'ghost'), 'c', '239', '77']);
    const open = 'cat /dev/g 2>&1; true';
    expect(await says(['--device', `${folder}/ghost:/dev/g:r`], open)).toMatch(/No such device or address$/);
    expect(await says(['--device', `${folder}/ghost:/dev/g:w`], open)).toMatch(/Operation not permitted$/);
    expect(await says(['--device', `${folder}:/dev/mine`], 'stat -c "%F %t:%T %a" /dev/mine/ghost')).toBe(
      'character special file ef:4d 600',
    );
    const made = 'mknod /dev/g c 239 5; cat /dev/g 2>&1; true';
    expect(await says([], made)).toMatch(/Operation not permitted$/);
    expect(await says(['--device-cgroup-rule', 'c 239:* r'], made)).toMatch(/No such device or address$/);
    expect(await cli.refused('create', '--device', '/no/such', 'box')).toMatchObject({ code: 'DEVICE_NOT_FOUND' });
    expect(await cli.refused('create', '--device', '/etc/passwd', 'box')).toMatchObject({ code: 'DEVICE_INVALID' });
  });

  it('labels are listed, and are no part of config.json', async () => {
    const id = (await cli.out('create', '--name', 'one', '-l', 'run.oci.handler=evil', '-l', 'a', 'box', 'true')).trim();
    await cli.out('start', 'one');
    await cli.out('wait', 'one');
    expect(await cli.json('ps', '-a', '-f', 'label=a')).toMatchObject([{ id, labels: { 'run.oci.handler': 'evil', a: '' } }]);
    expect(readFileSync(path.join(cli.place.root, 'containers', id, 'config.json'), 'utf8')).not.toContain('evil');
  });
});
