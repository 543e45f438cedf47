import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { diffTrees, listTree, type TreeDifference, type TreeEntry } from '@slipway/fs-tree';
import { afterAll, describe, expect, it } from 'vitest';
import { makePlace } from './place.ts';
import { makeTmpfs } from './tmpfs.ts';
import { mountedTree } from './trees.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const demo = `${registry.address}/test/demo:latest`;

const disk = makeTmpfs();
afterAll(() => disk[Symbol.dispose]());
const newFolder = (name: string): string => mkdtempSync(path.join(disk.folder, `${name}-`));

function output(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

interface Podman extends Disposable {
  run(...args: string[]): string;
  /** The tree of an image as podman shows it. */
  tree(image: string): TreeEntry[];
}

/** With stores of its own. */
function podman(): Podman {
  const folder = newFolder('podman');
  const stores = ['root', 'runroot', 'tmpdir'].flatMap((name) => [`--${name}`, path.join(folder, name)]);
  const base = [
    ...stores,
    '--storage-driver',
    'vfs',
    '--runtime',
    'runc',
    '--cgroup-manager',
    'cgroupfs',
    '--events-backend',
    'none',
  ];
  const run = (...args: string[]): string => output('podman', [...base, ...args]);
  return {
    run,
    tree: (image) => {
      const mounted = run('image', 'mount', image);
      try {
        return listTree(mounted);
      } finally {
        run('image', 'unmount', image);
      }
    },
    [Symbol.dispose]: () => {
      run('rm', '--all', '--force');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** podman gives the root, and a directory that a whiteout has taken something from, the time of that moment. */
function differences(theirs: readonly TreeEntry[], ours: readonly TreeEntry[]): TreeDifference[] {
  const directories = new Set(ours.filter(({ type }) => type === 'd').map((entry) => entry.path));
  return diffTrees(theirs, ours).filter(({ path: where, field }) => field !== 'mtimeNs' || !directories.has(where));
}

const script = `
  mkdir -p /srv/app
  echo made > /srv/app/file
  ln /srv/app/file /srv/app/link
  chmod 4750 /srv/app/file
  rm -rf /etc
  mkdir /etc
  echo new > /etc/new
  printf odd > "/srv/$(printf 'a\\tb')"
  # podman exports whole seconds.
  touch -d '2001-01-01 00:00' /srv/app/file /etc/new /srv/a*b
  echo ready
  exec sleep 1000
`;

describe('images that are made here, and others that make and read them', () => {
  it('a committed and an imported image are to skopeo, umoci and podman what they are here', async () => {
    using place = makePlace('', newFolder('root'));
    using peer = podman();
    const id = path.basename(place.folder);
    const exported = path.join(newFolder('files'), 'exported.tar');
    await using engine = await place.open();
    await engine.pull(demo);
    const container = await engine.run({ image: demo, name: id, args: ['sh', '-c', script] });
    for await (const chunk of container.stdout ?? []) if (String(chunk).includes('ready')) break;
    const changes = [
      'CMD ["cat", "/srv/app/file"]',
      'ENV A="b c"',
      'EXPOSE 80',
      'LABEL x=y',
      'WORKDIR /srv',
      'STOPSIGNAL SIGINT',
    ];
    await engine.containers.commit(id, 'committed:1', { changes, message: 'why' });
    await engine.containers.export(id, createWriteStream(exported));
    await container[Symbol.asyncDispose]();
    await engine.images.import(exported, 'imported:1', { changes });

    for (const name of ['committed', 'imported']) {
      const ours = await engine.images.inspect(`${name}:1`);
      const tree = await mountedTree(engine, `${name}:1`);
      const there = `${registry.address}/made/${name}:1`;
      await engine.images.push(`${name}:1`, { to: there });
      const seen = JSON.parse(output('skopeo', ['inspect', '--tls-verify=false', `docker://${there}`])) as { Digest: string };
      expect(seen.Digest).toBe(ours.target.digest);
      const config = JSON.parse(output('skopeo', ['inspect', '--config', '--tls-verify=false', `docker://${there}`])) as object;
      expect(config).toMatchObject({ config: ours.config.config, rootfs: ours.config.rootfs });

      const layout = newFolder('layout');
      output('skopeo', ['copy', '--insecure-policy', '--src-tls-verify=false', `docker://${there}`, `oci:${layout}:made`]);
      const bundle = path.join(newFolder('bundle'), 'bundle');
      output('umoci', ['unpack', '--image', `${layout}:made`, bundle]);
      expect(diffTrees(listTree(path.join(bundle, 'rootfs')), tree)).toEqual([]);

      peer.run('pull', '--quiet', '--tls-verify=false', there);
      expect(peer.run('image', 'inspect', '--format', '{{.Digest}}', there)).toBe(ours.target.digest);
      expect(differences(peer.tree(there), tree)).toEqual([]);
      expect(peer.run('history', '--format', '{{.CreatedBy}}', there)).toContain(
        `slipway ${name === 'committed' ? 'commit' : 'import'}`,
      );
    }
  });

  it('what podman exports is imported here, and what is exported here is imported by podman, with the same files', async () => {
    using place = makePlace('', newFolder('root'));
    using peer = podman();
    const id = path.basename(place.folder);
    const [ours, theirs] = [path.join(newFolder('files'), 'ours.tar'), path.join(newFolder('files'), 'theirs.tar')];
    await using engine = await place.open();
    await engine.pull(demo);
    const container = await engine.run({ image: demo, name: id, args: ['sh', '-c', script] });
    for await (const chunk of container.stdout ?? []) if (String(chunk).includes('ready')) break;
    await engine.containers.export(id, createWriteStream(ours));
    await container[Symbol.asyncDispose]();
    await engine.images.import(ours, 'ours:1');
    peer.run('import', '--quiet', ours, 'localhost/ours:1');
    expect(differences(peer.tree('localhost/ours:1'), await mountedTree(engine, 'ours:1'))).toEqual([]);

    peer.run('create', '--name', 'one', 'localhost/ours:1', 'true');
    peer.run('export', '--output', theirs, 'one');
    await engine.images.import(theirs, 'theirs:1');
    expect(differences(await mountedTree(engine, 'theirs:1'), await mountedTree(engine, 'ours:1'))).toEqual([]);
  });
});
