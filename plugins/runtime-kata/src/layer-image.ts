import { statSync } from 'node:fs';
import { SlipwayError, type VerityHashes, wrapError } from '@slipway/plugin-api';
import type { Disk } from './machine-settings.js';

/** An image of a file system that a disk, or a partition of one, is. */
export interface LayerImage {
  readonly file: string;
  readonly verity: LayerVerity | undefined;
}

/** The hash tree of an image, which the guest has behind it. */
export interface LayerVerity extends VerityHashes {
  /** Of the image, where the hashes begin. */
  readonly offset: number;
}

const blockBytes = 4096;
/** Each has two files, and QEMU is given some 240 descriptors. */
const mostWithHashes = 100;

/** Errors: those of a hash tree that is damaged, before a machine is booted for it. */
export function verityOf(id: string, image: string, bytes: number, { hashes, rootDigest }: VerityHashes): LayerVerity {
  if (!/^[0-9a-f]{64}$/.test(rootDigest))
    throw damaged(id, image, `its root digest is ${JSON.stringify(rootDigest.slice(0, 80))}`);
  const size = sizeOf(hashes);
  for (const [what, count] of [
    ['image', bytes],
    ['hash tree', size],
  ] as const)
    if (count === 0 || count % blockBytes !== 0)
      throw damaged(id, image, `its ${what} has ${count} bytes, expected whole blocks of 4096`);
  return { hashes, rootDigest, offset: bytes };
}

/** For the agent, in Kata's words. The hash tree has a superblock, no salt, and is of SHA-256. */
export function verityOptions({ verity }: LayerImage): readonly string[] {
  if (verity === undefined) return [];
  const values = { roothash: verity.rootDigest, hashoffset: verity.offset, blocksize: blockBytes };
  return ['X-kata.dmverity-enabled=true', ...Object.entries(values).map(([key, value]) => `X-kata.dmverity.${key}=${value}`)];
}

/** Layers of before their snapshotter made hash trees have none. */
export function layerDisk(serial: string, images: readonly LayerImage[]): Disk {
  const disk: Disk = { serial, files: images.map(({ file }) => file), readOnly: true };
  if (images.every(({ verity }) => verity === undefined)) return disk;
  return { ...disk, hashes: images.map(({ verity }) => verity?.hashes) };
}

export function checkCount(id: string, images: readonly LayerImage[]): void {
  const count = images.filter(({ verity }) => verity !== undefined).length;
  if (count <= mostWithHashes) return;
  throw new SlipwayError({
    kind: 'unimplemented',
    code: 'TOO_MANY_LAYERS',
    message: `container "${id}": its image has ${count} layers with hash trees, a virtual machine gets at most ${mostWithHashes}`,
    hint: 'merge layers of the image, or set verity = false in [plugin.snapshot-kata] and pull it anew',
    details: { id },
  });
}

function sizeOf(hashes: string): number {
  try {
    return statSync(hashes).size;
  } catch (error) {
    throw wrapError(`hash tree ${JSON.stringify(hashes)} of a layer`, error);
  }
}

function damaged(id: string, image: string, reason: string): SlipwayError {
  return new SlipwayError({
    kind: 'data-loss',
    code: 'LAYER_HASHES_INVALID',
    message: `container "${id}": the hash tree of layer ${JSON.stringify(image)} is damaged: ${reason}`,
    hint: 'remove the image and pull it again',
    details: { id },
  });
}
