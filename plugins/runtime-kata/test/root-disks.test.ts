import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { LayersMount } from '@slipway/plugin-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rootDisks } from '../dist/root-disks.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-kata-disks-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function layers(count: number): LayersMount {
  const lower = Array.from({ length: count }, (_, index) => {
    const source = path.join(folder, `layer${index}`);
    writeFileSync(source, Buffer.alloc(4096));
    return { kind: 'erofs', source } as const;
  });
  const source = path.join(folder, 'upper.ext4');
  writeFileSync(source, '');
  return { kind: 'layers', lower, upper: { kind: 'block', source, fstype: 'ext4', readOnly: false } };
}

const upper = { serial: 'upper', readOnly: false };

describe('layers become disks', () => {
  test('each its own where there are slots, the topmost first in the overlay', () => {
    const { disks, storages, path: root } = rootDisks('c', [layers(3)], 16);
    expect(disks.map(({ serial, files, readOnly }) => [serial, files.length, readOnly])).toEqual([
      ['l0', 1, true],
      ['l1', 1, true],
      ['l2', 1, true],
      ['upper', 1, false],
    ]);
    expect(root).toBe('/run/kata-containers/c/rootfs');
    expect(storages.at(-1)).toMatchObject({
      driver: 'overlayfs',
      options: [
        'lowerdir=/run/kata-containers/c/layers/0:/run/kata-containers/c/layers/1:/run/kata-containers/c/layers/2',
        'upperdir=/run/kata-containers/c/upper/upper',
        'workdir=/run/kata-containers/c/upper/work',
      ],
    });
    expect(storages[0]).toMatchObject({ driver: 'blk', source: '/dev/disk/by-id/virtio-l0', fstype: 'erofs', options: ['ro'] });
  });

  test('those beyond the slots are partitions of one disk', () => {
    const { disks, storages } = rootDisks('c', [layers(40)], 8);
    expect(disks).toHaveLength(8);
    expect(disks.at(-1)).toMatchObject(upper);
    expect(disks.at(-2)).toMatchObject({ serial: 'layers', readOnly: true });
    expect(disks.at(-2)?.files).toHaveLength(34);
    expect(storages[5]?.source).toBe('/dev/disk/by-id/virtio-l5');
    expect(storages[6]?.source).toBe('/dev/disk/by-id/virtio-layers-part1');
    expect(storages[39]?.source).toBe('/dev/disk/by-id/virtio-layers-part34');
  });

  test('exactly as many layers as slots share no disk', () => {
    expect(rootDisks('c', [layers(7)], 8).disks.every(({ files }) => files.length === 1)).toBe(true);
  });

  test('a root of one layer, or of none, is no overlay: the kernel takes none', () => {
    const { upper: _, ...readOnly } = layers(1);
    expect(rootDisks('c', [readOnly], 8).path).toBe('/run/kata-containers/c/layers/0');
    expect(rootDisks('c', [layers(0)], 8).path).toBe('/run/kata-containers/c/upper/upper');
  });
});

/** With the hash trees that a snapshotter has made. */
function checked(count: number, rootDigest = 'ab'.repeat(32)): LayersMount {
  const hashes = path.join(folder, 'hashes');
  writeFileSync(hashes, Buffer.alloc(8192));
  const mount = layers(count);
  return { ...mount, lower: mount.lower.map((layer) => ({ ...layer, verity: { hashes, rootDigest } })) };
}

describe('layers with hash trees', () => {
  const options = ['X-kata.dmverity-enabled=true', `X-kata.dmverity.roothash=${'ab'.repeat(32)}`];
  const more = ['X-kata.dmverity.hashoffset=4096', 'X-kata.dmverity.blocksize=4096'];

  test("have them behind them, on a disk of their own or in a partition, and say so in Kata's words", () => {
    const { disks, storages } = rootDisks('c', [checked(10)], 8);
    expect(disks[0]).toMatchObject({ serial: 'l0', hashes: [path.join(folder, 'hashes')] });
    expect(disks.find(({ serial }) => serial === 'layers')?.hashes).toHaveLength(4);
    for (const { options: found } of storages.slice(0, 10)) expect(found).toEqual(['ro', ...options, ...more]);
    expect(rootDisks('c', [layers(3)], 8).disks.some((disk) => 'hashes' in disk)).toBe(false);
  });

  test('are refused where they are more than QEMU can be given, with their number', () => {
    expect(() => rootDisks('c', [checked(101)], 16)).toThrow(
      expect.objectContaining({
        code: 'TOO_MANY_LAYERS',
        message: expect.stringContaining('101 layers with hash trees') as string,
      }),
    );
    expect(rootDisks('c', [checked(100)], 16).storages).toHaveLength(102);
  });

  test('are not taken for unchecked ones when their hashes are damaged', () => {
    const refuses = (mount: LayersMount, message: string) =>
      expect(() => rootDisks('c', [mount], 16)).toThrow(
        expect.objectContaining({ code: 'LAYER_HASHES_INVALID', message: expect.stringContaining(message) as string }),
      );
    refuses(checked(1, 'AB'.repeat(32)), 'its root digest is "ABAB');
    refuses(checked(1, ''), 'its root digest is ""');
    const short = checked(1);
    writeFileSync(path.join(folder, 'hashes'), 'short');
    refuses(short, 'its hash tree has 5 bytes');
    rmSync(path.join(folder, 'hashes'));
    expect(() => rootDisks('c', [short], 16)).toThrow(/hash tree ".*hashes" of a layer/);
  });
});

test('what only a host could mount is refused', () => {
  const directories = { kind: 'directories', upper: '/a', work: '/b' } as const;
  const withDevices = { kind: 'erofs', source: layers(1).lower[0]?.source ?? '', devices: ['/data.tar'] } as const;
  const other = 'use the snapshotter kata with the runtime kata';
  for (const [rootfs, hint] of [
    [[], other],
    [[{ kind: 'bind', source: '/', readOnly: true }] as const, other],
    [[layers(1), layers(1)], other],
    [[{ ...layers(1), upper: directories }], 'set upper = "ext4"'],
    [[{ kind: 'layers', lower: [withDevices] }] as const, 'set format = "flat"'],
  ] as const)
    expect(() => rootDisks('c', rootfs, 8)).toThrow(
      expect.objectContaining({
        kind: 'unimplemented',
        code: 'MACHINE_ROOT_UNSUPPORTED',
        hint: expect.stringContaining(hint) as string,
      }),
    );
});
