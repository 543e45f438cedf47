import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createReadStream, createWriteStream, rmSync } from 'node:fs';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { startRegistry, tarOf } from '@slipway/fixtures';
import { diffTrees, type TreeEntry, treeOfLayers } from '@slipway/fs-tree';
import type { Change } from '@slipway/plugin-api';
import type { Container, Engine } from 'slipway';
import { afterAll, describe, expect, it } from 'vitest';
import { startCommand } from './child.ts';
import { blobFile, leftInPlace, makePlace } from './place.ts';
import { everythingKept, smallDisk } from './store.ts';
import { mountedTree } from './trees.ts';

const registry = await startRegistry({ images: ['demo', 'small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const demo = `${registry.address}/test/demo:latest`;
const small = `${registry.address}/test/small:latest`;

/** A container whose command has done this and waits. */
async function changed(engine: Engine, image: string, id: string, script: string, stack?: string): Promise<Container> {
  const container = await engine.run({ image, name: id, stack, args: ['sh', '-c', `${script}\necho ready\nexec sleep 1000`] });
  for await (const chunk of container.stdout ?? []) if (String(chunk).includes('ready')) break;
  return container;
}

const changes = `
  set -e
  mkdir -p /srv/app/data /gone
  echo 'made here' > /srv/app/data/file
  ln /srv/app/data/file /srv/app/link
  ln -s data /srv/app/current
  mkfifo /srv/app/pipe
  chmod 4750 /srv/app/data/file
  chown 3000000:50 /srv/app
  truncate -s 3000000 /srv/app/sparse
  rm -rf /etc /gone
  mkdir /etc
  echo 'root:x:0:0::/:/bin/sh' > /etc/passwd
  printf odd > "/srv/$(printf '\\377\\376')"
`;

/** By two listings of trees: every path of which something is not the same. Hard links that only the names of others changed are left aside. */
function changesOf(before: readonly TreeEntry[], after: readonly TreeEntry[]): Map<string, string> {
  const [lower, upper] = [before, after].map(
    (tree) => new Map(tree.map((entry) => [entry.path, JSON.stringify(entry, big)])),
  ) as [Map<string, string>, Map<string, string>];
  const found = new Map<string, string>();
  const isIn = (tree: Map<string, string>, at: string): boolean => at === '/' || tree.get(at)?.includes('"type":"d"') === true;
  for (const [at, entry] of upper) if (lower.get(at) !== entry) found.set(at, lower.has(at) ? 'changed' : 'added');
  for (const at of lower.keys()) if (!upper.has(at) && isIn(upper, path.posix.dirname(at))) found.set(at, 'deleted');
  for (const at of [...found.keys()])
    for (let up = path.posix.dirname(at); up !== '/'; up = path.posix.dirname(up)) found.set(up, found.get(up) ?? 'changed');
  found.delete('/');
  return found;
}

const big = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

const byPath = (list: readonly Change[]): Record<string, string> =>
  Object.fromEntries(list.map(({ path: at, kind }) => [at, kind]));

describe.each(['overlay', 'native', 'kata'])('on %s', (snapshotter) => {
  it('a committed image is what the container was, its export is the same, and diff tells what was done', async () => {
    using place = makePlace(`[stack]\nsnapshotter = "${snapshotter}"`);
    const id = path.basename(place.folder);
    {
      await using engine = await place.open();
      await engine.pull(demo);
      const container = await changed(engine, demo, id, changes);
      // Another process' container is found and read all the same.
      await using other = await place.open();
      const told = await other.containers.diff(id);
      const options = { changes: ['CMD ["cat", "/srv/app/current/file"]', 'ENV HERE=$HOME'], message: 'why', author: 'me' };
      const image = await other.containers.commit(id, 'made/app:1', options);
      expect(image).toMatchObject({ name: 'docker.io/made/app:1', created: expect.any(String) as string });
      const exported = path.join(place.folder, 'exported.tar');
      await other.containers.export(id, createWriteStream(exported));
      const again = await other.containers.commit(id, 'made/app:2', options);
      await container[Symbol.asyncDispose]();

      const before = await mountedTree(engine, demo);
      const after = await mountedTree(engine, 'made/app:1');
      expect(diffTrees(after, treeOfLayers([exported]))).toEqual([]);
      const expected = changesOf(before, after);
      expect(byPath(told)).toEqual(
        Object.fromEntries([...expected].map(([at, kind]) => [at.replaceAll('\\xff\\xfe', '\ufffd\ufffd'), kind])),
      );
      expect(byPath(await engine.images.diff(demo, 'made/app:1'))).toEqual(byPath(told));
      expect(byPath(await engine.images.diff('made/app:1'))).toEqual(byPath(told));
      expect(await engine.images.diff('made/app:1', 'made/app:2')).toEqual([]);

      const [base, made, second] = await Promise.all(
        [demo, 'made/app:1', 'made/app:2'].map((name) => engine.images.inspect(name)),
      );
      expect(made?.manifest.layers.slice(0, -1)).toEqual(base?.manifest.layers);
      expect(second?.manifest.layers).toEqual(made?.manifest.layers);
      expect(again.target.digest).not.toBe(image.target.digest);
      expect(made?.config.config).toEqual({
        ...base?.config.config,
        Cmd: ['cat', '/srv/app/current/file'],
        Env: [...(base?.config.config?.Env ?? []), 'HERE='],
      });
      expect(made?.config.author).toBe('me');
      const [top, ...below] = await engine.images.history('made/app:1');
      expect(top).toMatchObject({
        created_by: 'slipway commit',
        comment: 'why',
        author: 'me',
        layer: made?.manifest.layers.at(-1),
      });
      expect(below).toEqual(await engine.images.history(demo));

      const ran = await (await engine.run({ image: 'made/app:1', name: id, pull: 'never' })).output();
      expect([ran.exitCode, ran.stdout.toString()]).toEqual([0, 'made here\n']);

      const imported = await engine.images.import(exported, 'plain:1', { changes: ['CMD ["cat", "/srv/app/link"]'] });
      expect(diffTrees(await mountedTree(engine, 'plain:1'), after)).toEqual([]);
      expect((await (await engine.run({ image: imported.name, name: id })).output()).stdout.toString()).toBe('made here\n');
      expect(await engine.images.diff('made/app:1', 'plain:1')).toEqual([]);
      const { problems } = await engine.system.verify();
      expect(problems).toEqual([]);
      for (const name of ['made/app:1', 'made/app:2', 'plain:1', demo]) await engine.images.remove(name);
    }
    expect(await everythingKept(place)).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('a container that changed nothing gives an image without a further layer', async () => {
    using place = makePlace(`[stack]\nsnapshotter = "${snapshotter}"`);
    const id = path.basename(place.folder);
    await using engine = await place.open();
    await engine.pull(small);
    const container = await changed(engine, small, id, ':');
    expect(await engine.containers.diff(id)).toEqual([]);
    const before = await everythingKept(place);
    await engine.containers.commit(id, 'same:1', { changes: ['LABEL a=b'] });
    const [base, made] = [await engine.images.inspect(small), await engine.images.inspect('same:1')];
    expect(made.manifest.layers).toEqual(base.manifest.layers);
    expect(made.config.history?.at(-1)).toMatchObject({ created_by: 'slipway commit', empty_layer: true });
    const [top] = await engine.images.history('same:1');
    expect(top?.layer).toBeUndefined();
    // Nothing but its two documents and its name.
    const documents = [made.manifestDigest, made.manifest.config.digest].flatMap((digest) => [`blob ${digest}`, `row ${digest}`]);
    const now = await everythingKept(place);
    const added = now.filter((one) => !before.includes(one));
    expect(new Set(added)).toEqual(new Set([...documents, 'row docker.io/library/same:1']));
    await container[Symbol.asyncDispose]();
    expect((await (await engine.run({ image: 'same:1', name: id, args: ['echo', 'alive'] })).output()).stdout.toString()).toBe(
      'alive\n',
    );
  });
});

it('layers that many images share are drawn once', async () => {
  using place = makePlace();
  const id = path.basename(place.folder);
  await using engine = await place.open();
  await engine.pull(small);
  const container = await changed(engine, small, id, 'echo 1 > /one');
  await engine.containers.commit(id, 'made:1');
  await engine.containers.commit(id, 'made:2');
  await container[Symbol.asyncDispose]();
  const [base, made] = [await engine.images.inspect(small), await engine.images.inspect('made:1')];
  const sizes = made.manifest.layers.map(({ size }) => size);
  expect(await engine.images.tree()).toEqual([
    {
      chainId: base.chainId,
      size: sizes[0],
      names: [small],
      children: [
        { chainId: made.chainId, size: sizes[1], names: ['docker.io/library/made:1', 'docker.io/library/made:2'], children: [] },
      ],
    },
  ]);
});

it('a commit of an image whose layers were discarded keeps its own, and the others are fetched again from where they came', async () => {
  using place = makePlace('[stacks.copy]\nsnapshotter = "native"');
  const id = path.basename(place.folder);
  await using engine = await place.open();
  await engine.pull(small, { discardUnpackedLayers: true });
  const container = await changed(engine, small, id, 'echo 1 > /one');
  await engine.containers.commit(id, 'made:1');
  await container[Symbol.asyncDispose]();
  await engine.images.remove(small);
  await engine.system.prune();
  const { stdout } = await (await engine.run({ image: 'made:1', name: id, stack: 'copy', args: ['cat', '/one'] })).output();
  expect(stdout.toString()).toBe('1\n');
});

it('a commit whose layer a sweep has taken before it was leased makes it again', async () => {
  using place = makePlace();
  const id = path.basename(place.folder);
  await using engine = await place.open();
  await engine.pull(small);
  const container = await changed(engine, small, id, 'echo 1 > /one');
  let taken = 0;
  const takeOnce = (message: unknown): void => {
    const { name, details } = message as { name: string; details: { digest: string } };
    if (name === 'diff.compare.committed' && taken++ === 0) rmSync(blobFile(place, details.digest));
  };
  subscribe('slipway:step', takeOnce);
  try {
    await engine.containers.commit(id, 'made:1');
  } finally {
    unsubscribe('slipway:step', takeOnce);
  }
  expect(taken).toBe(2);
  await container[Symbol.asyncDispose]();
  expect((await engine.system.verify()).problems).toEqual([]);
  expect((await (await engine.run({ image: 'made:1', name: id, args: ['cat', '/one'] })).output()).stdout.toString()).toBe('1\n');
});

describe('import', () => {
  const files = tarOf([
    { path: './', type: 'd', mode: 0o755 },
    { path: 'etc/', type: 'd', mode: 0o755 },
    { path: 'etc/a', body: 'a' },
  ]);

  it('takes a tar file plain, with gzip or with zstd, from a path or a stream, and keeps its bytes', async () => {
    using place = makePlace();
    await using engine = await place.open();
    const forms = [
      ['plain', files, ''],
      ['gzip', gzipSync(files), '+gzip'],
      ['zstd', zstdCompressSync(files), '+zstd'],
    ] as const;
    const trees: TreeEntry[][] = [];
    for (const [name, bytes, suffix] of forms) {
      await engine.images.import(Readable.from([bytes.subarray(0, 2), bytes.subarray(2)]), `${name}:1`);
      const { manifest, config } = await engine.images.inspect(`${name}:1`);
      expect(manifest.layers).toEqual([
        expect.objectContaining({ mediaType: `application/vnd.oci.image.layer.v1.tar${suffix}`, size: bytes.length }),
      ]);
      expect(config.rootfs.diff_ids).toEqual((await engine.images.inspect('plain:1')).config.rootfs.diff_ids);
      trees.push(await mountedTree(engine, `${name}:1`));
    }
    expect(trees[1]).toEqual(trees[0]);
    expect(trees[2]).toEqual(trees[0]);
    expect(diffTrees(trees[0] ?? [], treeOfLayers([files]))).toEqual([]);
  });

  it('says what it is for, and is no image for another platform', async () => {
    using place = makePlace();
    await using engine = await place.open();
    await engine.images.import(Readable.from([files]), 'other:1', {
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
    });
    const platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
    expect(await engine.images.inspect('other:1', { platform })).toMatchObject({ platform });
    await expect(engine.images.inspect('other:1', { platform: { os: 'linux', architecture: 'riscv64' } })).rejects.toMatchObject({
      code: 'PLATFORM_NOT_FOUND',
    });
  });

  const gzipped = gzipSync(files);
  it.each([
    ['a tar file that is cut', files.subarray(0, 700), 'LAYER_'],
    ['gzip that is cut', gzipped.subarray(0, 40), 'LAYER_COMPRESSION_DAMAGED'],
    ['gzip with something behind it', Buffer.concat([gzipped, Buffer.from('more')]), 'LAYER_COMPRESSION_DAMAGED'],
    ['no tar file', Buffer.alloc(2000, 'text '), 'LAYER_'],
    ['xz', Buffer.from('fd377a585a000000', 'hex'), 'LAYER_COMPRESSION_UNSUPPORTED'],
    ['a hard link to nothing', tarOf([{ path: 'a', type: 'h', link: 'b' }]), 'LAYER_'],
  ])('refuses %s and keeps nothing of it', async (_, bytes, code) => {
    using place = makePlace();
    {
      await using engine = await place.open();
      await expect(engine.images.import(Readable.from([bytes]), 'bad:1')).rejects.toMatchObject({
        code: expect.stringContaining(code) as string,
        message: expect.stringContaining('import "docker.io/library/bad:1"') as string,
        hint: expect.any(String) as string,
      });
      expect(await engine.images.list()).toEqual([]);
    }
    expect(await everythingKept(place)).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('refuses what cannot be a name or a source before anything is read', async () => {
    using place = makePlace();
    await using engine = await place.open();
    const digest = `sha256:${'0'.repeat(64)}`;
    await expect(engine.images.import('/nothing', `a@${digest}`)).rejects.toMatchObject({ code: 'NEW_NAME_UNFIT' });
    await expect(engine.images.import('/nothing', 'oci:/folder')).rejects.toMatchObject({ code: 'NEW_NAME_UNFIT' });
    await expect(engine.images.import('/nothing', 'UPPER')).rejects.toMatchObject({ code: 'REFERENCE_INVALID' });
    await expect(engine.images.import('/nothing', 'a')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(engine.images.import(place.folder, 'a')).rejects.toMatchObject({ code: 'IMPORT_NOT_A_FILE' });
    await expect(
      engine.images.import(createReadStream(path.join(place.folder, 'config.toml'), 'utf8'), 'a'),
    ).rejects.toMatchObject({
      code: 'IMPORT_NOT_BYTES',
    });
  });

  it('onto a disk that is full keeps nothing and says so', async () => {
    using disk = smallDisk();
    const { place } = disk;
    {
      await using engine = await place.open();
      const tooMuch = Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(1 << 20)));
      await expect(engine.images.import(tooMuch, 'big:1')).rejects.toMatchObject({ kind: 'resource-exhausted' });
      await engine.images.import(Readable.from([files]), 'small:1');
      await engine.images.remove('small:1');
    }
    expect(await everythingKept(place)).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('ends when it is aborted, while it waits for the stream', async () => {
    using place = makePlace();
    {
      await using engine = await place.open();
      const endless = new PassThrough();
      endless.write(files.subarray(0, 600));
      const abort = new AbortController();
      const work = engine.images.import(endless, 'a', { signal: abort.signal });
      await sleep(300);
      abort.abort();
      await expect(work).rejects.toMatchObject({ kind: 'canceled' });
    }
    expect(await everythingKept(place)).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });
});

it('a container that ends while it is read is said to be gone', async () => {
  using place = makePlace();
  const id = path.basename(place.folder);
  await using engine = await place.open();
  await engine.pull(demo);
  const { ended } = startCommand(place, { action: 'run', image: demo, id, args: ['sleep', '2'] });
  for (;;) {
    const there = await engine.containers.diff(id).then(
      () => true,
      () => false,
    );
    if (there) break;
    await sleep(50);
  }
  const slow = new PassThrough({ highWaterMark: 1 });
  const work = engine.containers.export(id, slow).catch((error: unknown) => error);
  await ended;
  slow.resume();
  const error = await work;
  // What was read before the end is whole, or it is not there at all.
  if (error !== undefined) expect(error).toMatchObject({ kind: 'not-found', code: 'CONTAINER_NOT_FOUND' });
  for (const use of [
    engine.containers.diff(id),
    engine.containers.commit(id, 'late'),
    engine.containers.export(id, new PassThrough()),
  ])
    await expect(use).rejects.toMatchObject({
      kind: 'not-found',
      code: 'CONTAINER_NOT_FOUND',
      hint: expect.any(String) as string,
    });
  expect((await engine.images.list()).map(({ name }) => name)).toEqual([demo]);
});
