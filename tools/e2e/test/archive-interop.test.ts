import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { imageLayout, readImage } from '@slipway/fixtures';
import type { Engine } from 'slipway';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Containerd, startContainerd } from './containerd.ts';
import { leftInPlace, makePlace } from './place.ts';

/** Images go to skopeo, podman, ctr and umoci as files, and come back from them, with the same digests. */
const place = makePlace();
const work = path.join(place.folder, 'work');
mkdirSync(work);
let engine: Engine;
let containerd: Containerd;
beforeAll(async () => {
  engine = await place.open();
  containerd = await startContainerd(path.join(place.folder, 'containerd'));
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
  await containerd?.[Symbol.asyncDispose]();
  expect(leftInPlace(place)).toEqual([]);
  place[Symbol.dispose]();
});

const at = (name: string): string => path.join(work, name);
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], cwd: work, maxBuffer: 1 << 26 });
const skopeo = (...args: string[]): string => run('skopeo', ...args);
const copied = (from: string, to: string, ...more: string[]): string => skopeo('copy', ...more, from, to);
const digestAt = (name: string): string =>
  `sha256:${createHash('sha256')
    .update(skopeo('inspect', '--raw', name))
    .digest('hex')}`;
const configAt = (name: string): unknown => JSON.parse(skopeo('inspect', '--config', name));
const podman = (...args: string[]): string =>
  run('podman', '--root', at('podman'), '--runroot', at('podman-run'), '--storage-driver', 'vfs', ...args);

const demo = imageLayout('demo');
const demoDigest = readImage(demo).manifestDigest;
const name = 'docker.io/test/demo:1';

/** The image of the fixtures, here under the name. */
async function loadDemo(): Promise<void> {
  const [image] = await engine.images.load(demo, { name });
  expect(image?.target.digest).toBe(demoDigest);
}

describe('what we write', () => {
  it('as an OCI archive is read by skopeo, podman and ctr with the same digest', async () => {
    await loadDemo();
    await engine.images.save([name], { output: at('ours.tar') });
    expect(digestAt('oci-archive:ours.tar')).toBe(demoDigest);
    copied('oci-archive:ours.tar', 'oci:from-ours:1');
    expect(digestAt('oci:from-ours:1')).toBe(demoDigest);
    expect(podman('load', '-i', at('ours.tar'))).toContain(name);
    expect(podman('images', '--digests', '--format', '{{.Repository}}:{{.Tag}} {{.Digest}}')).toContain(`${name} ${demoDigest}`);
    expect(containerd.ctr('images', 'import', at('ours.tar'))).toContain(name);
    expect(containerd.ctr('images', 'ls')).toMatch(new RegExp(`^${name} .*${demoDigest}`, 'm'));
  });

  it('as a docker-archive is read by skopeo, podman and ctr as the same image', async () => {
    await loadDemo();
    await engine.images.save([name], { output: at('ours-docker.tar'), format: 'docker-archive' });
    const config = configAt(`oci:${demo}:latest`);
    expect(configAt('docker-archive:ours-docker.tar')).toEqual(config);
    expect(configAt(`docker-archive:ours-docker.tar:${name}`)).toEqual(config);
    expect(podman('load', '-i', at('ours-docker.tar'))).toContain(name);
    expect(containerd.ctr('images', 'import', '--base-name', 'docker.io/test/again', at('ours-docker.tar'))).toContain(name);
  });

  it('as a layout is read by skopeo and umoci, beside what they have written there', async () => {
    copied(`oci:${demo}:latest`, 'oci:shared:theirs');
    await loadDemo();
    await engine.images.save([name], { output: at('shared'), format: 'oci' });
    await engine.images.copy(`oci:${demo}:latest`, `oci:${at('shared')}:copied`);
    await engine.images.push(name, { to: `oci:${at('shared')}:pushed` });
    expect(digestAt('oci:shared:theirs')).toBe(demoDigest);
    expect(digestAt('oci:shared:copied')).toBe(demoDigest);
    expect(digestAt('oci:shared:pushed')).toBe(demoDigest);
    expect(run('umoci', 'ls', '--layout', at('shared')).trim().split('\n').sort()).toEqual(['1', 'copied', 'pushed', 'theirs']);
    run('umoci', 'unpack', '--image', `${at('shared')}:copied`, at('unpacked'));
    run('umoci', 'config', '--image', `${at('shared')}:copied`, '--tag', 'changed', '--config.user', 'nobody');
    const changed = await engine.pull(`oci:${at('shared')}:changed`);
    expect(changed.target.digest).toBe(digestAt('oci:shared:changed'));
  });

  it('with several images is read by skopeo and ctr, each by its name', async () => {
    const small = imageLayout('small');
    await loadDemo();
    await engine.images.load(small, { name: 'docker.io/test/small:2' });
    const names = [name, 'docker.io/test/small:2'];
    await engine.images.save(names, { output: at('two.tar') });
    expect(digestAt('oci-archive:two.tar:1')).toBe(demoDigest);
    expect(digestAt('oci-archive:two.tar:2')).toBe(readImage(small).manifestDigest);
    const imported = containerd.ctr('images', 'import', at('two.tar'));
    for (const one of names) expect(imported).toContain(one);
    await engine.images.save(names, { output: at('two-docker.tar'), format: 'docker-archive' });
    for (const one of names) skopeo('inspect', '--config', `docker-archive:two-docker.tar:${one}`);
    expect(podman('load', '-i', at('two-docker.tar'))).toContain('docker.io/test/small:2');
  });

  it('of several platforms keeps the index and its digest', async () => {
    const multi = imageLayout('medium-multi');
    const [image] = await engine.images.load(multi, { name: 'docker.io/test/multi:1' });
    const top = readImage(multi).top.digest;
    expect(image?.target.digest).toBe(top);
    await engine.images.save(['docker.io/test/multi:1'], { output: at('multi.tar') });
    expect(digestAt('oci-archive:multi.tar')).toBe(top);
    copied('oci-archive:multi.tar', 'oci:multi-again:1', '--all');
    expect(digestAt('oci:multi-again:1')).toBe(top);
    await engine.images.save(['docker.io/test/multi:1'], {
      output: at('one.tar'),
      platform: image && (await engine.images.inspect(image.name)).platform,
    });
    expect(digestAt('oci-archive:one.tar')).toBe(readImage(multi).manifestDigest);
    await engine.images.save(['docker.io/test/multi:1'], { output: at('multi-docker.tar'), format: 'docker-archive' });
    skopeo('inspect', '--config', 'docker-archive:multi-docker.tar');
  });
});

describe('what others write', () => {
  const removed = async (): Promise<void> => {
    for (const image of await engine.images.list()) await engine.images.remove(image.name);
    await engine.system.prune();
  };

  it('skopeo, as a layout, an OCI archive and a docker-archive', async () => {
    await removed();
    copied(`oci:${demo}:latest`, 'oci:theirs:v1');
    copied(`oci:${demo}:latest`, 'oci-archive:theirs.tar:v1');
    copied(`oci:${demo}:latest`, 'docker-archive:theirs-docker.tar:test/demo:1');
    for (const from of [`oci:${at('theirs')}:v1`, `oci:${at('theirs')}`, `oci-archive:${at('theirs.tar')}:v1`])
      expect((await engine.pull(from)).target.digest).toBe(demoDigest);
    const [docker] = await engine.images.load(at('theirs-docker.tar'));
    expect(docker?.name).toBe(name);
    const { config } = await engine.images.inspect(name);
    expect(config.rootfs.diff_ids).toEqual(readImage(demo).config.rootfs.diff_ids);
    const container = await engine.run({
      image: `docker-archive:${at('theirs-docker.tar')}:test/demo:1`,
      name: path.basename(place.folder),
    });
    expect((await container.output()).stdout.toString()).toContain('Hello from a container');
  });

  it('podman, as both kinds of archive', async () => {
    await removed();
    copied(`oci:${demo}:latest`, 'oci-archive:for-podman.tar:docker.io/test/demo:2');
    podman('load', '-i', at('for-podman.tar'));
    podman('save', '--format', 'oci-archive', '-o', at('podman-oci.tar'), 'docker.io/test/demo:2');
    podman('save', '--format', 'docker-archive', '-o', at('podman-docker.tar'), 'docker.io/test/demo:2');
    const [oci] = await engine.images.load(at('podman-oci.tar'));
    expect([oci?.name, oci?.target.digest]).toEqual(['docker.io/test/demo:2', digestAt('oci-archive:podman-oci.tar')]);
    const [docker] = await engine.images.load(at('podman-docker.tar'));
    expect([docker?.name, docker?.replaced]).toEqual(['docker.io/test/demo:2', oci?.target.digest]);
  });

  it('ctr, with its digests', async () => {
    await removed();
    containerd.ctr('images', 'import', at('ours.tar'));
    containerd.ctr('images', 'export', at('ctr.tar'), name);
    const [image] = await engine.images.load(at('ctr.tar'));
    expect([image?.name, image?.target.digest]).toEqual([name, demoDigest]);
  });

  it('umoci, a layout that it has made', async () => {
    cpSync(demo, at('umoci'), { recursive: true });
    run('umoci', 'unpack', '--image', `${at('umoci')}:latest`, at('bundle'));
    run('umoci', 'repack', '--image', `${at('umoci')}:repacked`, at('bundle'));
    const image = await engine.pull(`oci:${at('umoci')}:repacked`);
    expect(image.target.digest).toBe(digestAt('oci:umoci:repacked'));
  });
});
