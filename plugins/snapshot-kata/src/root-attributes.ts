import { chmodSync, chownSync, closeSync, openSync } from 'node:fs';
import { linux } from '@slipway/linux';

/** Of the root directory of a layer: a merged root shows those of the upper one. */
export interface RootAttributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly xattrs: readonly { readonly name: string; readonly value: Buffer }[];
}

/** Of a layer that is an image. What overlayfs itself keeps speaks of that layer, and stays behind. */
export async function rootAttributes(image: string): Promise<RootAttributes & { readonly isOpaque: boolean }> {
  const { openErofsImage } = await import('@slipway/layers');
  const fd = openSync(image, 'r');
  try {
    const erofs = openErofsImage(fd, { name: image });
    const { mode, uid, gid, mtimeSeconds, mtimeNanoseconds } = erofs.stat(erofs.root);
    const xattrs = erofs.xattrs(erofs.root).filter(({ name }) => !name.startsWith('trusted.overlay.'));
    const isOpaque = erofs.xattr(erofs.root, 'trusted.overlay.opaque')?.toString('latin1') === 'y';
    return { mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, isOpaque };
  } finally {
    closeSync(fd);
  }
}

/** Gives a directory that nobody else has these. Attributes first, times last: everything changes those. */
export function giveAttributes(path: string, { mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs }: RootAttributes): void {
  chownSync(path, uid, gid);
  chmodSync(path, mode);
  for (const { name, value } of xattrs) linux.lsetxattr(path, Buffer.from(name, 'latin1'), value);
  const time = BigInt(mtimeSeconds) * 1_000_000_000n + BigInt(mtimeNanoseconds);
  linux.lutimes(path, time, time);
}
