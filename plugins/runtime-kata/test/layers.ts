import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { writeTreeImage, writeVerityTree } from '@slipway/layers';
import { linux } from '@slipway/linux';
import type { LayersMount } from '@slipway/plugin-api';

/** What tests keep from one run to the next. */
export const cacheFolder = path.join(
  process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'),
  'slipway-fixtures',
  'kata',
);

const upperBytes = 64 * 1024 * 1024;

/** A tree of the host as a root for a machine: an image of it, and an empty file system for changes, in an empty folder. */
export function layersOf(tree: string, folder: string): LayersMount {
  const source = path.join(folder, 'upper.ext4');
  // Of the holes no bytes are made.
  execFileSync('cp', ['--sparse=always', emptyUpper(), source]);
  return {
    kind: 'layers',
    lower: [imageOf(tree, path.join(folder, 'tree.erofs'))],
    upper: { kind: 'block', source, fstype: 'ext4', readOnly: false },
  };
}

export function imageOf(tree: string, source: string): LayersMount['lower'][number] {
  const image = openSync(source, 'wx+', 0o600);
  try {
    writeTreeImage(tree, image, { system: linux });
  } finally {
    closeSync(image);
  }
  return { kind: 'erofs', source };
}

/** As a snapshotter with `verity = true` keeps one: with its hash tree beside it. */
export function hashedImageOf(tree: string, source: string): LayersMount['lower'][number] {
  return withHashes(imageOf(tree, source));
}

export function withHashes(image: LayersMount['lower'][number]): LayersMount['lower'][number] {
  const hashes = `${image.source}.verity`;
  const [data, hashFd] = [openSync(image.source, 'r'), openSync(hashes, 'wx+', 0o600)];
  try {
    const options = {
      dataBytes: statSync(image.source).size,
      hashFd,
      hashOffset: 0,
      salt: Buffer.alloc(0),
      uuid: Buffer.alloc(16, 1),
    };
    return { ...image, verity: { hashes, rootDigest: writeVerityTree(data, options).rootDigest } };
  } finally {
    closeSync(data);
    closeSync(hashFd);
  }
}

/** Made once: as a snapshotter does it. */
function emptyUpper(): string {
  const file = path.join(cacheFolder, 'upper.ext4');
  if (existsSync(file)) return file;
  mkdirSync(cacheFolder, { recursive: true });
  const work = mkdtempSync(path.join(cacheFolder, 'making-'));
  try {
    for (const name of ['upper', 'work']) mkdirSync(path.join(work, 'seed', name), { recursive: true });
    const image = path.join(work, 'image');
    writeFileSync(image, '');
    truncateSync(image, upperBytes);
    const options = ['-q', '-F', '-m', '0', '-E', 'lazy_itable_init=0', '-J', 'size=4', '-d', path.join(work, 'seed')];
    execFileSync('mkfs.ext4', [...options, image], { env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin' } });
    renameSync(image, file);
  } finally {
    rmSync(work, { recursive: true });
  }
  return file;
}
