import { closeSync, existsSync, linkSync, openSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ErofsMount, type LayerTree, step } from '@slipway/plugin-api';
import { rootAttributes } from './root-attributes.js';

/** What a committed snapshot is. */
export const layerFile = 'layer.erofs';
/** What a differ writes: the layer in the making. */
export const appliedFile = 'applied.erofs';
/** Beside a layer whose root hides all below, which overlayfs does not heed at a root. */
const opaqueFile = 'opaque';
/** While it is being written. */
const newFile = 'new.erofs';

/** A differ may keep the tar archive, which the image's chunks then refer to, beside its image. */
function tarOf(image: string): string {
  return `${image.slice(0, -'.erofs'.length)}.tar`;
}

function devicesOf(image: string): { readonly devices?: readonly string[] } {
  const tar = tarOf(image);
  return existsSync(tar) ? { devices: [tar] } : {};
}

export const layerMount = (image: string): ErofsMount => ({ kind: 'erofs', source: image, ...devicesOf(image) });
export const layerTree = (image: string): LayerTree => ({ format: 'erofs', path: image, ...devicesOf(image) });

/** The files of a layer. */
export function filesOf(image: string): readonly string[] {
  return [image, ...(devicesOf(image).devices ?? [])];
}

/** The layers down to one whose root hides all below it. */
export function visible(layers: readonly string[]): readonly string[] {
  const last = layers.findIndex((layer) => existsSync(join(dirname(layer), opaqueFile)));
  return last === -1 ? layers : layers.slice(0, last + 1);
}

/** Makes the layer in a folder of what a differ has applied, which stays. */
export async function keepApplied(folder: string): Promise<void> {
  removeSealed(folder);
  const applied = join(folder, appliedFile);
  for (const file of filesOf(applied)) await flush(file);
  const tar = tarOf(applied);
  if (existsSync(tar)) linkSync(tar, join(folder, tarOf(layerFile)));
  linkSync(applied, join(folder, layerFile));
  await finish(folder);
}

/** Makes the layer in a folder by writing its image. */
export async function keepWritten(folder: string, write: (image: string) => Promise<void>): Promise<void> {
  removeSealed(folder);
  const image = join(folder, newFile);
  try {
    await write(image);
    await flush(image);
    renameSync(image, join(folder, layerFile));
  } finally {
    rmSync(image, { force: true });
  }
  await finish(folder);
}

/** What a commit that came to nothing has left: what it is of may have changed since. */
function removeSealed(folder: string): void {
  for (const name of [layerFile, tarOf(layerFile), opaqueFile, newFile]) rmSync(join(folder, name), { force: true });
}

async function finish(folder: string): Promise<void> {
  const { isOpaque } = await rootAttributes(join(folder, layerFile));
  if (isOpaque) closeSync(openSync(join(folder, opaqueFile), 'wx', 0o600));
  await flush(folder);
  step('kata.layer.written', { folder });
}

async function flush(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}
