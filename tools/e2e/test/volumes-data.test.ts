import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Volume } from '@slipway/plugin-api';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { VolumePlace } from './volume-place.ts';

const at = await VolumePlace.make();
await at.makeDataImage();
afterEach(() => at.clear());
afterAll(() => at[Symbol.asyncDispose]());

const { engine } = at;
const volumes = async (): Promise<readonly Volume[]> => engine.volumes.list();
const v1 = { type: 'volume', volume: 'v1', target: '/v' } as const;

describe('a named volume', () => {
  it('is made when it is first used, and keeps what is written over containers', async () => {
    await at.out('echo text > /v/file; mkdir /v/folder; chown 5:6 /v/folder', [v1]);
    expect(await at.out('cat /v/file; stat -c "%u:%g %a" /v/folder', [v1])).toBe('text\n5:6 755\n');
    expect(await volumes()).toMatchObject([{ name: 'v1', driver: 'local', anonymous: false, containers: [] }]);
    const { mountpoint = '' } = await engine.volumes.inspect('v1');
    expect(readFileSync(path.join(mountpoint, 'file'), 'utf8')).toBe('text\n');
  });

  it('is seen by several containers at once', async () => {
    await using reader = await engine.run({
      image: at.image,
      args: ['sh', '-c', 'until [ -e /w/file ]; do sleep 0.05; done; cat /w/file'],
      mounts: [{ ...v1, target: '/w' }],
    });
    await at.out('echo text > /v/.new; mv /v/.new /v/file', [v1]);
    expect((await reader.output()).stdout.toString()).toBe('text\n');
  });

  it('read-only is read-only', async () => {
    await at.out('echo text > /v/file', [v1]);
    expect(await at.run('cat /v/file; echo more > /v/file', [{ ...v1, readOnly: true }])).toMatchObject({
      exitCode: 1,
      stdout: 'text\n',
      stderr: expect.stringContaining('Read-only file system'),
    });
  });

  it('is taken as it is by who says no options, and refused to who says others', async () => {
    const options = { type: 'tmpfs', o: 'size=64k,mode=711' };
    await engine.volumes.create({ name: 'v1', options, labels: { team: 'web' } });
    expect(await at.out('stat -c %a /v; df /v | tail -1 | awk "{print \\$2}"', [v1])).toBe('711\n64\n');
    await at.out('true', [{ ...v1, options }]);
    await expect(at.out('true', [{ ...v1, options: { type: 'tmpfs' } }])).rejects.toMatchObject({ kind: 'already-exists' });
    await expect(at.out('true', [{ ...v1, driver: 'nas' }])).rejects.toMatchObject({ code: 'VOLUME_DRIVER_UNKNOWN' });
    expect(await engine.containers.list({ all: true })).toEqual([]);
  });

  it('is not removed while a container has it, running or not, and the error names it', async () => {
    const container = await engine.containers.create({ image: at.image, name: 'keeper', args: ['true'], mounts: [v1] });
    await expect(engine.volumes.remove('v1')).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'VOLUME_IN_USE',
      message: expect.stringContaining('"keeper"'),
    });
    expect(await volumes()).toMatchObject([{ containers: ['keeper'] }]);
    await container.start();
    await container.wait();
    await expect(engine.volumes.remove('v1', { force: true })).rejects.toMatchObject({ code: 'VOLUME_IN_USE' });
    expect(await engine.volumes.prune({ all: true })).toEqual({ volumes: [], bytes: 0 });
    await container.remove();
    await engine.volumes.remove('v1');
    await expect(engine.volumes.remove('v1')).rejects.toMatchObject({ code: 'VOLUME_NOT_FOUND' });
    await engine.volumes.remove('v1', { force: true });
  });

  it('is told in inspect of the container, and of itself', async () => {
    const container = await engine.containers.create({
      image: at.withData,
      name: 'keeper',
      args: ['true'],
      mounts: [v1, { type: 'tmpfs', target: '/t' }, { type: 'bind', source: '/etc', target: '/b', readOnly: true }],
    });
    const { mountpoint } = await engine.volumes.inspect('v1');
    const anonymous = (await volumes()).find((volume) => volume.anonymous);
    expect((await container.inspect()).mounts).toEqual([
      { type: 'volume', source: mountpoint, target: '/v', readOnly: false, volume: 'v1', driver: 'local' },
      { type: 'tmpfs', source: 'tmpfs', target: '/t', readOnly: false },
      { type: 'bind', source: '/etc', target: '/b', readOnly: true, propagation: 'rprivate' },
      {
        type: 'volume',
        source: anonymous?.mountpoint,
        target: '/data',
        readOnly: false,
        volume: anonymous?.name,
        driver: 'local',
      },
    ]);
    expect(await engine.volumes.inspect('v1', { usage: true })).toMatchObject({
      containers: ['keeper'],
      usage: { files: 0, bytes: expect.any(Number) },
    });
  });
});

describe('an anonymous volume', () => {
  it('is made for each volume of the image, and goes with a container that is removed at its end', async () => {
    await using container = await engine.run({
      image: at.withData,
      args: ['sh', '-c', 'echo more > /data/more; read line'],
      stdin: 'pipe',
    });
    expect(await volumes()).toMatchObject([
      { name: expect.stringMatching(/^[0-9a-f]{64}$/), anonymous: true, containers: [expect.any(String)] },
    ]);
    container.stdin?.end('end\n');
    await container.output();
    await container[Symbol.asyncDispose]();
    expect(await volumes()).toEqual([]);
  });

  it('stays with a container that stays, is filled once, and goes when it is removed with its volumes', async () => {
    const container = await engine.containers.create({
      image: at.withData,
      args: ['sh', '-c', 'cat /data/one 2> /dev/null; ls -A /data | wc -l; rm -rf /data/*'],
    });
    for (let round = 0; round < 2; round++) {
      await container.start();
      await container.wait();
    }
    const lines: string[] = [];
    for await (const { line } of container.logs({ stdout: true })) lines.push(line);
    expect(lines).toEqual(['one', '5', '0']);
    const { mountpoint = '' } = (await volumes())[0] ?? {};
    expect(readdirSync(mountpoint)).toEqual([]);
    await container.remove();
    expect(await volumes()).toHaveLength(1);
    const other = await engine.containers.create({ image: at.withData, args: ['true'] });
    expect(await volumes()).toHaveLength(2);
    await other.remove({ volumes: true });
    expect(await volumes()).toHaveLength(1);
    expect((await engine.volumes.prune()).volumes).toHaveLength(1);
  });

  it('is not made where something else is mounted', async () => {
    await at.out('true', [{ type: 'tmpfs', target: '/data/' }], { image: at.withData });
    const container = await engine.containers.create({
      image: at.withData,
      args: ['true'],
      mounts: [{ ...v1, target: '/data/.' }],
    });
    expect((await volumes()).map(({ name }) => name)).toEqual(['v1']);
    await container.remove({ volumes: true });
    expect((await volumes()).map(({ name }) => name)).toEqual(['v1']);
  });

  it('that another container has by its name stays', async () => {
    const first = await engine.containers.create({ image: at.withData, args: ['true'] });
    const name = (await volumes())[0]?.name ?? '';
    await engine.containers.create({ image: at.image, args: ['true'], mounts: [{ ...v1, volume: name }] });
    await first.remove({ volumes: true });
    expect(await volumes()).toMatchObject([{ name }]);
  });

  it('is pruned when no container has it, unlike one with a name', async () => {
    await engine.volumes.create({ labels: { team: 'web' } });
    await engine.volumes.create({ labels: { team: 'db' } });
    await engine.volumes.create({ name: 'v1', labels: { team: 'db' } });
    expect((await engine.volumes.prune({ labels: ['team=db'], dryRun: true })).volumes).toHaveLength(1);
    expect(await volumes()).toHaveLength(3);
    expect((await engine.volumes.prune({ labels: ['team'] })).volumes).toHaveLength(2);
    expect((await volumes()).map(({ name }) => name)).toEqual(['v1']);
    expect((await engine.volumes.prune({ all: true })).volumes).toEqual(['v1']);
  });
});

describe('copy-up', () => {
  const own = { ...v1, target: '/data' };
  const list = 'cd /data && find . -print0 | sort -z | xargs -0 stat -c "%n %F %u:%g %a %h %Y %s"';

  it('takes owners, modes, times and links, of the folder itself too, once', async () => {
    const directory = at.folder();
    await at.out('true', [own], { image: at.withData });
    const { mountpoint = '' } = await engine.volumes.inspect('v1');
    await engine.images.mount(at.withData, directory);
    try {
      expect(listing(mountpoint)).toEqual(listing(path.join(directory, 'data')));
    } finally {
      await engine.images.unmount(directory);
    }
    expect(listing(mountpoint)).toHaveLength(9);
    expect(statSync(path.join(mountpoint, 'one')).ino).toBe(statSync(path.join(mountpoint, 'sub/hard')).ino);
    await at.out('echo changed > /data/one', [own], { image: at.withData });
    expect(await at.out('cat /data/one', [own], { image: at.withData })).toBe('changed\n');
  });

  it('is not done where something is, where it is not wanted, or for a part of a volume', async () => {
    await at.out('echo mine > /v/mine', [v1]);
    expect(await at.out('ls -A /data', [own], { image: at.withData })).toBe('mine\n');
    expect(await at.out('ls -A /data', [{ ...own, volume: 'v2', noCopy: true }], { image: at.withData })).toBe('');
    await at.out('mkdir /v/sub', [{ ...v1, volume: 'v3' }]);
    expect(await at.out('ls -A /data', [{ ...own, volume: 'v3', subpath: 'sub' }], { image: at.withData })).toBe('');
  });

  it('is also done for a volume that is mounted read-only', async () => {
    expect(await at.out('cat /data/one', [{ ...own, readOnly: true }], { image: at.withData })).toBe('one\n');
  });

  it('is done once by those that start at one time', async () => {
    const scripts = Array.from({ length: 5 }, () => at.out(list, [own], { image: at.withData }));
    const [first, ...others] = await Promise.all(scripts);
    expect(others).toEqual(others.map(() => first));
    const { mountpoint = '' } = await engine.volumes.inspect('v1');
    expect(readdirSync(mountpoint).filter((name) => name.startsWith('.slipway'))).toEqual([]);
  });

  it('refuses an image that has names of ours, and copies nothing', async () => {
    await at.makeImage('example.com/ours:latest', 'mkdir -p /data/.slipway-fill.ready && echo x > /data/.slipway-fill.ready/x');
    await expect(at.out('true', [own], { image: 'example.com/ours:latest' })).rejects.toMatchObject({
      code: 'VOLUME_FILL_REFUSED',
    });
    const { mountpoint = '' } = await engine.volumes.inspect('v1');
    expect(readdirSync(mountpoint)).toEqual([]);
    await at.out('true', [{ ...own, noCopy: true }], { image: 'example.com/ours:latest' });
  });

  it('leaves what a container has put under our names in the volume, and what they lead to', async () => {
    const outside = at.folder();
    writeFileSync(path.join(outside, 'secret'), 'secret');
    const { mountpoint = '' } = await engine.volumes.create({ name: 'v1' });
    await at.out(`ln -s ${outside} /v/.slipway-fill.partial`, [v1]);
    expect(await at.out('cat /data/one', [own], { image: at.withData })).toBe('one\n');
    expect(readdirSync(outside)).toEqual(['secret']);
    expect(readdirSync(mountpoint)).not.toContain('.slipway-fill.partial');
  });
});

/** All that is of a file, but for what the file system chooses. */
function listing(folder: string): string[] {
  const all = execFileSync('find', ['.', '-printf', '%P %y %U:%G %m %n %T@ %s %l\\n'], { cwd: folder, encoding: 'utf8' });
  return all.trim().split('\n').sort();
}
