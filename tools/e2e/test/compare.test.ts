import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { diffTrees, listTree, type TreeEntry } from '@slipway/fs-tree';
import { linux } from '@slipway/linux';
import { differPoint, type Mount, snapshotterPoint } from '@slipway/plugin-api';
import { afterAll, expect, test } from 'vitest';
import { leftInPlace, makePlace } from './place.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;

function onMount<T>(mounts: readonly Mount[], work: (root: string) => T): T {
  const directory = mkdtempSync(path.join(tmpdir(), 'slipway-e2e-mount-'));
  try {
    const fd = linux.mountDetached(mounts);
    try {
      linux.attachMount(fd, directory);
    } finally {
      closeSync(fd);
    }
    try {
      return work(directory);
    } finally {
      linux.unmount(directory);
    }
  } finally {
    rmdirSync(directory);
  }
}

/** As a build would; every time is set, or no two runs could be alike. */
const changes = `
  set -e
  mkdir -p srv/app/data
  echo 'made here' > srv/app/data/file
  ln srv/app/data/file srv/app/link
  ln -s data srv/app/current
  mkfifo srv/app/pipe
  chmod 4750 srv/app/data/file
  chown 3000000:50 srv/app
  rm -rf etc
  mkdir etc
  echo 'root:x:0:0::/:/bin/sh' > etc/passwd
  printf odd > "srv/$(printf '\\377\\376')"
  find srv etc -exec touch -h -d '2001-01-01 00:00:00.123456789' {} +
  touch -d '2001-01-01' .
`;

test('what changed on an image is the same layer on overlay and on native, and gives the same tree again', async () => {
  using place = makePlace('[stacks.copies]\nsnapshotter = "native"');
  {
    await using host = await place.openHost();
    const engine = await host.engine();
    await engine.pull(image);
    await engine.pull(image, { stack: 'copies' });
    const { chainId = '' } = await engine.images.inspect(image);
    const differ = await host.kernel.get(differPoint, 'tar');
    const made: { readonly digest: string; readonly diffId: string; readonly tree: readonly TreeEntry[] }[] = [];
    for (const id of ['overlay', 'native']) {
      const snapshots = await host.kernel.get(snapshotterPoint, id);
      await snapshots.prepare('changed', chainId);
      onMount(await snapshots.mounts('changed'), (cwd) => execFileSync('sh', ['-c', changes], { cwd }));
      const [lower, upper] = [await snapshots.trees(chainId), await snapshots.trees('changed')];
      const layer = await differ.compare?.(lower, upper);
      if (!layer) throw new Error('the differ compares');
      const tree = onMount(await snapshots.mounts('changed'), listTree);
      made.push({ digest: layer.descriptor.digest, diffId: layer.diffId, tree });

      await snapshots.prepare('applied', chainId);
      const { digest } = await differ.apply(layer.descriptor, await snapshots.layerTarget('applied'));
      expect(digest).toBe(layer.diffId);
      expect(diffTrees(onMount(await snapshots.mounts('applied'), listTree), tree)).toEqual([]);
      for (const key of ['changed', 'applied']) await snapshots.remove(key);
      await snapshots.cleanup();
    }
    const [overlay, native] = made;
    expect(overlay?.tree.some((entry) => entry.path === '/srv/\\xff\\xfe')).toBe(true);
    expect(diffTrees(native?.tree ?? [], overlay?.tree ?? [])).toEqual([]);
    expect(native?.diffId).toBe(overlay?.diffId);
    expect(native?.digest).toBe(overlay?.digest);
  }
  expect(leftInPlace(place)).toEqual([]);
});
