import { chmodSync, closeSync, openSync, readSync, statSync, truncateSync, writeSync } from 'node:fs';
import path from 'node:path';
import { imageLayout, readImage, startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import { expectPullAndRun, expectRecovery } from './crash.ts';
import { blobFile, leftInPlace, makePlace, namesIn, type Place } from './place.ts';
import { smallDisk } from './store.ts';
import { wrongPaths } from './trees.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;
const { manifestDigest, manifest } = readImage(imageLayout('demo'));
const [firstLayer = ''] = manifest.layers.map(({ digest }) => digest);

describe('a full disk', () => {
  /** So much is free when the pull begins: too little for metadata, for the first layer, for its tree, for the top of it. */
  it.each([0, 200, 600, 1000, 1500, 2000, 2500, 3000])(
    'with %i KiB free: resource-exhausted, nothing left, and a retry works',
    async (free) => {
      using disk = smallDisk();
      const { place } = disk;
      {
        // The database and the folders are there: what is tested is not the first start.
        await using engine = await place.open();
        await engine.images.list();
      }
      disk.fill(free);
      {
        await using engine = await place.open();
        await expect(engine.pull(image)).rejects.toMatchObject({ kind: 'resource-exhausted' });
        expect(await engine.images.list()).toEqual([]);
        expect(leftInPlace(place)).toEqual([]);
      }
      disk.empty();
      await expectRecovery(place);
      expect(snapshotFolders(place)).toEqual([]);
      await expectPullAndRun(place, image, 'demo');
      expect(leftInPlace(place)).toEqual([]);
    },
  );

  it('while an image is there: it can be listed and removed, and a container is refused or runs', async () => {
    using disk = smallDisk();
    const { place } = disk;
    await using engine = await place.open();
    await engine.pull(image);
    disk.fill(0);
    expect(await engine.images.list()).toHaveLength(1);
    await expect(engine.run({ image, name: path.basename(place.folder), args: ['true'] })).rejects.toMatchObject({
      kind: 'resource-exhausted',
    });
    expect(leftInPlace(place)).toEqual([]);
    await engine.images.remove(image);
    expect(snapshotFolders(place)).toEqual([]);
    expect(namesIn(path.join(place.root, 'content.v1/local/blobs/sha256'))).toEqual([]);
  });
});

describe('a bit that flipped on disk', () => {
  it.each([
    { what: 'manifest', digest: manifestDigest },
    { what: 'config', digest: manifest.config.digest },
  ])('in a $what is found when it is read, and mended by removing and pulling', async ({ digest }) => {
    using place = makePlace();
    await using engine = await place.open();
    await engine.pull(image);
    flipBit(blobFile(place, digest));
    const damaged = { kind: 'data-loss', code: 'CONTENT_DAMAGED' };
    await expect(engine.images.inspect(image)).rejects.toMatchObject(damaged);
    await expect(engine.run({ image, args: ['true'] })).rejects.toMatchObject(damaged);
    expect(await engine.images.list()).toHaveLength(1);
    await engine.images.remove(image);
    await expectPullAndRun(place, image, 'demo');
  });

  it.each([
    { what: 'manifest', digest: manifestDigest },
    { what: 'config', digest: manifest.config.digest },
  ])('in a $what is mended by a pull alone', async ({ digest }) => {
    using place = makePlace();
    await using engine = await place.open();
    await engine.pull(image);
    flipBit(blobFile(place, digest));
    await expectPullAndRun(place, image, 'demo');
    await engine.images.remove(image);
    expect(namesIn(path.join(place.root, 'content.v1/local/blobs/sha256'))).toEqual([]);
    expect(snapshotFolders(place)).toEqual([]);
  });

  it('in a layer is found when it is unpacked, and never becomes a tree', async () => {
    using place = makePlace('[stacks.copy]\nsnapshotter = "native"');
    await using engine = await place.open();
    await engine.pull(image);
    flipBit(blobFile(place, firstLayer));
    await expect(engine.run({ image, stack: 'copy', args: ['true'] })).rejects.toMatchObject({ kind: 'data-loss' });
    expect(namesIn(path.join(place.root, 'snapshotter.v1/native/snapshots'))).toEqual([]);
    // What was unpacked before is whole.
    expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
    await engine.images.remove(image);
    await engine.pull(image);
    expect(await wrongPaths(engine, image, 'demo', 'copy')).toEqual([]);
  });
});

describe('metadata that was truncated', () => {
  it.each([0, 1, 100, 4096, 8192, 20_000])('to %i bytes is data-loss, and is left as it is', async (size) => {
    using place = makePlace();
    {
      await using engine = await place.open();
      await engine.pull(image);
    }
    const file = path.join(place.root, 'metadata.v1/lmdb/data.mdb');
    truncateSync(file, size);
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(place.open()).rejects.toMatchObject({ kind: 'data-loss', message: expect.stringContaining(file) });
      expect(statSync(file).size).toBe(size);
    }
  });
});

function snapshotFolders(place: Place): string[] {
  return namesIn(path.join(place.root, 'snapshotter.v1/overlay/snapshots'));
}

function flipBit(file: string): void {
  chmodSync(file, 0o600);
  const fd = openSync(file, 'r+');
  try {
    const byte = Buffer.alloc(1);
    const middle = Math.floor(statSync(file).size / 2);
    readSync(fd, byte, 0, 1, middle);
    byte.writeUInt8(byte.readUInt8() ^ 0x10);
    writeSync(fd, byte, 0, 1, middle);
  } finally {
    closeSync(fd);
  }
}
