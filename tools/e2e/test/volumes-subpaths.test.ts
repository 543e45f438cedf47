import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, expect, it } from 'vitest';
import { VolumePlace } from './volume-place.ts';

const at = await VolumePlace.make();
afterEach(() => at.clear());
afterAll(() => at[Symbol.asyncDispose]());

const volume = { type: 'volume', volume: 'v1', target: '/v' } as const;

/** A file of this host that no container may see. */
const secrets = mkdtempSync(path.join(at.place.folder, 'secrets-'));
writeFileSync(path.join(secrets, 'file'), 'secret\n');
mkdirSync(path.join(secrets, 'a'));
writeFileSync(path.join(secrets, 'a', 'file'), 'secret\n');

it('a part of a volume is mounted, a folder or a file, and nothing above it is reached', async () => {
  await at.out('mkdir -p /v/a/b && echo in > /v/a/b/file && echo above > /v/a/above', [volume]);
  expect(await at.out('ls -a /v; cat /v/file; ls /v/..', [{ ...volume, subpath: 'a/b' }])).toMatch(/^\.\n\.\.\nfile\nin\nbin\n/);
  expect(await at.out('cat /v', [{ ...volume, subpath: './a//b/file' }])).toBe('in\n');
  expect(await at.run('echo x > /v/new', [{ ...volume, subpath: 'a/b', readOnly: true }])).toMatchObject({ exitCode: 1 });
  expect(await at.out('cat /v/file', [{ type: 'bind', source: secrets, subpath: 'a', target: '/v' }])).toBe('secret\n');
});

it('a subpath that is not there, or no relative path, is refused and made nowhere', async () => {
  await at.out('echo text > /v/file', [volume]);
  for (const subpath of ['none', 'file/x', 'a/none'])
    await expect(at.out('true', [{ ...volume, subpath }])).rejects.toMatchObject({ code: 'SUBPATH_MISSING' });
  for (const subpath of ['', '/a', '..', 'a/../../b', '../v1', 'a\0b'])
    await expect(at.out('true', [{ ...volume, subpath }])).rejects.toMatchObject({ code: 'MOUNT_INVALID' });
  expect(await at.out('ls /v', [volume])).toBe('file\n');
});

it('links that a container has put in a volume lead nowhere else: CVE-2017-1002101', async () => {
  const links = `cd /v && mkdir in && echo inside > in/file && ln -s ${secrets} absolute && ln -s ../../../../../../../../../..${secrets} up &&
    ln -s / root && ln -s /proc/self/root proc && ln -s . self && ln -s loop loop && ln -s /in abs-in`;
  await at.out(links, [volume]);
  for (const subpath of ['absolute', 'up', `root${secrets}`, 'proc', `self/self/up`, 'loop', 'absolute/file']) {
    await expect(at.out('cat /v/file || cat /v', [{ ...volume, subpath }]), subpath).rejects.toMatchObject({
      code: 'SUBPATH_MISSING',
    });
  }
  // Within the volume they lead where the volume is the root.
  expect(await at.out('cat /v/file', [{ ...volume, subpath: 'abs-in' }])).toBe('inside\n');
  expect(await at.out('ls /v', [{ ...volume, subpath: 'root/self/in' }])).toBe('file\n');
});

it('a folder that is swapped for a link while containers start shows what is in the volume, or nothing', {
  timeout: 300_000,
}, async () => {
  await at.out('mkdir -p /v/a && echo inside > /v/a/file', [volume]);
  const { mountpoint = '' } = await at.engine.volumes.inspect('v1');
  const [folder, aside, link] = ['a', 'aside', 'link'].map((name) => path.join(mountpoint, name)) as [string, string, string];
  const stop = new AbortController();
  const swapping = (async () => {
    while (!stop.signal.aborted) {
      symlinkSync(secrets, link);
      renameSync(folder, aside);
      renameSync(link, folder);
      await sleep(0);
      rmSync(folder);
      renameSync(aside, folder);
      await sleep(0);
    }
  })();
  try {
    const seen = new Set<string>();
    for (let round = 0; round < 40; round++) {
      const subpath = round % 2 === 0 ? 'a' : 'a/file';
      const said = await at
        .out('cat /v/file 2> /dev/null || cat /v', [{ ...volume, subpath }])
        .catch((error: Error & { code?: string }) => {
          expect(error.code).toBe('SUBPATH_MISSING');
          return 'refused';
        });
      seen.add(said);
    }
    expect([...seen].filter((said) => said !== 'inside\n' && said !== 'refused')).toEqual([]);
    expect(seen).toContain('inside\n');
  } finally {
    stop.abort();
    await swapping;
  }
});

it('a source that becomes another one after it was opened is still the first', async () => {
  const first = at.folder();
  writeFileSync(path.join(first, 'file'), 'first\n');
  const script = 'read line; cat /b/file';
  await using container = await at.engine.run({
    image: at.image,
    args: ['sh', '-c', script],
    stdin: 'pipe',
    mounts: [{ type: 'bind', source: first, target: '/b' }],
  });
  renameSync(first, `${first}-aside`);
  symlinkSync(secrets, first);
  container.stdin?.end('go\n');
  expect((await container.output()).stdout.toString()).toBe('first\n');
});

it('a folder of a volume that a running container turns into a link does not lead the mounts in it out', async () => {
  // Nested targets are looked up by the runtime, in the container's root.
  await at.out(`mkdir /v/nested; ln -s ${secrets} /v/out; ln -s /proc /v/proc`, [volume]);
  const inner = at.folder();
  await at.out('touch /v/nested/new', [volume, { type: 'bind', source: inner, target: '/v/nested' }]);
  await at.run('touch /v/out/new', [volume, { type: 'bind', source: inner, target: '/v/out' }]);
  await at.run('true', [volume, { type: 'bind', source: inner, target: '/v/proc/sys' }]).catch(() => undefined);
  expect(await at.out(`cat /b/file; ls /b`, [{ type: 'bind', source: secrets, target: '/b' }])).toBe('secret\na\nfile\n');
});
