import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import type { MountSettings } from '@slipway/plugin-api';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { VolumePlace } from './volume-place.ts';

const at = await VolumePlace.make();
const mounted: string[] = [];
afterEach(async () => {
  for (const folder of mounted.splice(0).reverse()) linux.unmount(folder, { detach: true });
  await at.clear();
});
afterAll(() => at[Symbol.asyncDispose]());

/** A tmpfs on this host, gone after the test. */
function mountTmpfs(folder: string): string {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', 'slipway-test', folder]);
  mounted.push(folder);
  return folder;
}

const bind = (source: string, more: Partial<MountSettings> = {}): MountSettings =>
  ({ type: 'bind', source, target: '/b', ...more }) as MountSettings;

describe('a bind', () => {
  it('shows a folder of this host both ways', async () => {
    const folder = at.folder();
    writeFileSync(path.join(folder, 'file'), 'text\n');
    expect(await at.out('cat /b/file; echo more > /b/new', [bind(folder)])).toBe('text\n');
    expect(readFileSync(path.join(folder, 'new'), 'utf8')).toBe('more\n');
  });

  it('of a single file is that file, on one of the image, or where the image has nothing', async () => {
    const file = path.join(at.folder(), 'file');
    writeFileSync(file, 'text\n');
    const mounts = [bind(file, { target: '/etc/passwd' }), bind(file, { target: '/no/such/place' })];
    expect(await at.out('cat /etc/passwd /no/such/place; echo more >> /no/such/place', mounts)).toBe('text\ntext\n');
    expect(readFileSync(file, 'utf8')).toBe('text\nmore\n');
  });

  it('takes paths of any bytes that a path can have', async () => {
    const name = 'a:b,c\\d "e"\'f\n\t*$x é😀=g';
    const folder = at.folder(name);
    writeFileSync(path.join(folder, 'file'), 'text\n');
    const target = `/in/${name}`;
    expect(await at.out('cat /in/*/file; ls /in | wc -l', [bind(folder, { target })])).toBe('text\n1\n');
  });

  it('runs a program that is mounted, and one that a link of the image leads to', async () => {
    const folder = at.folder();
    writeFileSync(path.join(folder, 'tool'), '#!/bin/sh\necho "tool $*"\n');
    chmodSync(path.join(folder, 'tool'), 0o755);
    await at.makeImage('example.com/linked:latest', 'ln -s /b/tool /bin/tool');
    expect(await at.out('', [bind(folder)], { args: ['/b/tool', 'one'] })).toBe('tool one\n');
    expect(await at.out('', [bind(folder)], { args: ['tool', 'two'], image: 'example.com/linked:latest' })).toBe('tool two\n');
    await expect(at.out('', [bind(folder)], { args: ['/b/none'] })).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' });
  });

  it('of what is not there is refused at once, or makes an empty folder', async () => {
    const missing = path.join(at.folder(), 'not', 'there');
    const failed = { kind: 'failed-precondition', code: 'BIND_SOURCE_MISSING' };
    await expect(at.out('true', [bind(missing)])).rejects.toMatchObject(failed);
    await expect(at.engine.containers.create({ image: at.image, mounts: [bind(missing)] })).rejects.toMatchObject(failed);
    expect(existsSync(missing)).toBe(false);
    await at.out('touch /b/file', [bind(missing, { createSource: true })]);
    expect(readdirSync(missing)).toEqual(['file']);
    // Node's recursive mkdir would never end.
    symlinkSync('/no/such', path.join(missing, 'dangling'));
    for (const source of ['dangling', 'dangling/x'])
      await expect(at.out('true', [bind(path.join(missing, source), { createSource: true })])).rejects.toThrow('dangling');
    await at.out('[ -f /b ]', [bind(path.join(missing, 'file'), { createSource: true })]);
  });

  it('of a folder over a file of the image, and the other way round, is refused by name', async () => {
    const folder = at.folder();
    const file = path.join(folder, 'file');
    writeFileSync(file, '');
    await expect(at.out('true', [bind(folder, { target: '/etc/passwd' })])).rejects.toThrow(
      /is a directory, and the image has a file/,
    );
    await expect(at.out('true', [bind(file, { target: '/etc' })])).rejects.toThrow(/is a file, and the image has a directory/);
    await expect(at.out('true', [{ type: 'tmpfs', target: '/etc/passwd' }])).rejects.toThrow(/a tmpfs is a directory/);
  });

  it('goes on with what the source was when the container started', async () => {
    const folder = at.folder();
    const link = path.join(at.folder(), 'link');
    symlinkSync(folder, link);
    writeFileSync(path.join(folder, 'file'), 'text\n');
    expect(await at.out('cat /b/file', [bind(link)])).toBe('text\n');
  });
});

describe('what is mounted below a bind', () => {
  it('is there, and is read-only with it', async () => {
    const folder = at.folder();
    writeFileSync(path.join(mountTmpfs(path.join(folder, 'below')), 'file'), 'text\n');
    expect(await at.out('cat /b/below/file; echo more > /b/below/new; ls /b/below', [bind(folder)])).toBe('text\nfile\nnew\n');
    const said = await at.run('cat /b/below/file; touch /b/x; touch /b/below/x; mount -o remount,rw /b/below', [
      bind(folder, { readOnly: true }),
    ]);
    expect(said.stdout).toBe('text\n');
    expect(said.stderr.match(/Read-only file system/g)).toHaveLength(2);
    expect(readdirSync(path.join(folder, 'below')).sort()).toEqual(['file', 'new']);
    writeFileSync(path.join(folder, 'below', 'host-still-writes'), '');
  });

  it('is not there when that is not wanted', async () => {
    const folder = at.folder();
    writeFileSync(path.join(mountTmpfs(path.join(folder, 'below')), 'file'), 'text\n');
    expect(await at.out('ls /b/below', [bind(folder, { nonRecursive: true })])).toBe('');
  });
});

describe('propagation', () => {
  /** Waits for the host to have mounted, and says what is seen; then mounts itself. */
  const script = `until [ -e /b/go ]; do sleep 0.05; done; ls /b/host; mkdir -p /b/own && mount -t tmpfs own /b/own && touch /b/own/made && touch /b/done;
    until [ -e /b/end ]; do sleep 0.05; done`;

  async function bothWays(
    propagation: 'rshared' | 'rslave' | 'rprivate',
  ): Promise<{ readonly inside: string; readonly outside: string[] }> {
    const folder = mountTmpfs(path.join(at.folder(), propagation));
    execFileSync('mount', ['--make-shared', folder]);
    mkdirSync(path.join(folder, 'host'));
    await using container = await at.engine.run({
      image: at.image,
      args: ['sh', '-c', script],
      mounts: [bind(folder, { propagation })],
      privileged: true,
    });
    const output = container.output();
    // A mount made now shows inside only where that is wanted.
    writeFileSync(path.join(mountTmpfs(path.join(folder, 'host')), 'from-host'), '');
    writeFileSync(path.join(folder, 'go'), '');
    await expect.poll(() => existsSync(path.join(folder, 'done')), { timeout: 60_000 }).toBe(true);
    const outside = readdirSync(path.join(folder, 'own'));
    if (outside.length > 0) mounted.push(path.join(folder, 'own'));
    writeFileSync(path.join(folder, 'end'), '');
    const { stdout } = await output;
    return { inside: stdout.toString(), outside };
  }

  it('rshared shows mounts both ways', async () => {
    expect(await bothWays('rshared')).toEqual({ inside: 'from-host\n', outside: ['made'] });
  });

  it('rslave shows those of the host in the container', async () => {
    expect(await bothWays('rslave')).toEqual({ inside: 'from-host\n', outside: [] });
  });

  it('rprivate shows none', async () => {
    expect(await bothWays('rprivate')).toEqual({ inside: '', outside: [] });
  });

  it('is refused where the source is on a mount that is not shared', async () => {
    const folder = mountTmpfs(path.join(at.folder(), 'private'));
    execFileSync('mount', ['--make-private', folder]);
    for (const propagation of ['shared', 'rshared', 'slave', 'rslave'] as const) {
      await expect(at.out('true', [bind(folder, { propagation })])).rejects.toMatchObject({
        code: 'BIND_SOURCE_NOT_SHARED',
        message: expect.stringContaining(JSON.stringify(folder)),
      });
    }
  });

  it('a folder of the host can be unmounted while a container has it', async () => {
    const folder = at.folder();
    const below = mountTmpfs(path.join(folder, 'below'));
    await using container = await at.engine.run({
      image: at.image,
      args: ['sh', '-c', 'read line'],
      stdin: 'pipe',
      mounts: [bind(folder)],
    });
    linux.unmount(below);
    mounted.pop();
    container.stdin?.end('end\n');
    expect((await container.output()).exitCode).toBe(0);
  });
});

describe('targets', () => {
  it('are folders that come to be where they are missing, parents before what is in them', async () => {
    const [outer, inner] = [at.folder(), at.folder()];
    writeFileSync(path.join(outer, 'file'), '');
    const mounts: MountSettings[] = [
      bind(inner, { target: '/x/y/inner/deep' }),
      { type: 'tmpfs', target: '/x/y/inner' },
      bind(outer, { target: '/x//y/' }),
    ];
    expect(await at.out('touch /x/y/inner/deep/new; ls /x/y /x/y/inner; stat -f -c %T /x/y/inner', mounts)).toBe(
      '/x/y:\nfile\ninner\n\n/x/y/inner:\ndeep\ntmpfs\n',
    );
    expect(readdirSync(inner)).toEqual(['new']);
  });

  it('follow links of the image, and never out of it', async () => {
    await at.makeImage(
      'example.com/links:latest',
      'mkdir -p /real && ln -s ../../../../real /up && ln -s /real/not-there /dangling',
    );
    const more = { image: 'example.com/links:latest' };
    const folder = at.folder();
    await at.out('touch /real/new', [bind(folder, { target: '/up' })], more);
    expect(readdirSync(folder)).toEqual(['new']);
    await at.out('[ -e /real/not-there/deep/new ]', [bind(folder, { target: '/dangling/deep' })], more);
    expect(existsSync('/real')).toBe(false);
  });

  it.each([
    ['/', "over the container's root"],
    ['/.', "over the container's root"],
    ['/x/..', "over the container's root"],
    ['/proc', 'over /proc'],
    ['/proc/sys/kernel', 'over /proc'],
    ['/x/../proc/1', 'over /proc'],
    ['relative', 'an absolute path'],
    ['', 'an absolute path'],
    ['/a\0b', 'without NUL'],
    [`/${'x'.repeat(5000)}`, 'target is wrong'],
  ])('%j is refused', async (target, why) => {
    const failed = expect(at.engine.containers.create({ image: at.image, mounts: [{ type: 'tmpfs', target }] })).rejects;
    await failed.toMatchObject({ kind: 'invalid-argument', code: 'MOUNT_INVALID', message: expect.stringContaining(why) });
  });

  it('that lead to the root or to /proc by links of the image are refused', async () => {
    await at.makeImage('example.com/evil:latest', 'ln -s / /root-link && ln -s ../proc/self /self && ln -s loop /loop');
    const image = 'example.com/evil:latest';
    for (const [target, why] of [
      ['/root-link', "container's root itself"],
      ['/root-link/../..', "over the container's root"],
      ['/root-link/proc/sys', 'over /proc'],
      ['/self/root', 'over /proc'],
      ['/loop/x', 'too many symbolic links'],
    ] as const) {
      await expect(at.out('true', [{ type: 'tmpfs', target }], { image })).rejects.toThrow(why);
    }
  });

  it('that are one place are refused, by their names and by links of the image', async () => {
    const folder = at.folder();
    await expect(at.out('true', [bind(folder), { type: 'tmpfs', target: '/b/' }])).rejects.toThrow('two mounts go there');
    await at.makeImage('example.com/same:latest', 'mkdir /real && ln -s real /alias');
    const mounts = [bind(folder, { target: '/real' }), bind(folder, { target: '/alias' })];
    await expect(at.out('true', mounts, { image: 'example.com/same:latest' })).rejects.toThrow('the same place in the image');
  });

  it('in /proc that runc lets be covered, in /dev and /sys are possible', async () => {
    const file = path.join(at.folder(), 'meminfo');
    writeFileSync(file, 'MemTotal: 1 kB\n');
    const mounts: MountSettings[] = [
      bind(file, { target: '/proc/meminfo' }),
      { type: 'tmpfs', target: '/dev/shm', size: 65_536 },
      { type: 'tmpfs', target: '/sys/firmware' },
    ];
    expect(await at.out('cat /proc/meminfo; df /dev/shm | tail -1 | awk "{print \\$2}"', mounts)).toBe('MemTotal: 1 kB\n64\n');
  });
});

describe('a tmpfs', () => {
  it('has the size, mode and exec that were asked for, and is empty each time', async () => {
    const mount: MountSettings = { type: 'tmpfs', target: '/t', size: 131_072, mode: 0o750 };
    const script = `stat -c %a /t; df /t | tail -1 | awk '{print $2}'; grep " /t " /proc/mounts | cut -d' ' -f4 | tr , '\\n' | grep -E '^no(suid|dev|exec)$'`;
    expect(await at.out(script, [mount])).toBe('750\n128\nnosuid\nnodev\nnoexec\n');
    const program = 'cp /bin/busybox /t/busybox && /t/busybox echo runs';
    expect(await at.run(program, [{ ...mount, size: undefined }])).toMatchObject({ exitCode: 126 });
    expect(await at.out(program, [{ ...mount, size: undefined, exec: true }])).toBe('runs\n');
    expect(await at.run('touch /t/x', [{ ...mount, readOnly: true }])).toMatchObject({ exitCode: 1 });
    expect(await at.out('stat -c %a /t', [{ type: 'tmpfs', target: '/t' }])).toBe('1777\n');
  });

  it.each([
    [{ size: 0 }, 'size'],
    [{ size: 1.5 }, 'size'],
    [{ mode: 0o10000 }, 'mode'],
    [{ source: 'x' }, 'source'],
  ])('with %j is refused', async (wrong, field) => {
    const mount = { type: 'tmpfs', target: '/t', ...wrong } as MountSettings;
    await expect(at.engine.containers.create({ image: at.image, mounts: [mount] })).rejects.toThrow(`its ${field} is wrong`);
  });
});

it('a folder that is bound keeps its mode and owner', async () => {
  const folder = at.folder();
  chmodSync(folder, 0o2711);
  await at.out('true', [bind(folder)]);
  expect(statSync(folder).mode & 0o7777).toBe(0o2711);
});
