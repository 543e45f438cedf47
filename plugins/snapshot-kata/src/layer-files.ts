import { closeSync, existsSync, linkSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type ErofsMount, type LayerTree, step, type VerityHashes } from '@slipway/plugin-api';
import { verityOfNames } from './errors.js';
import { rootAttributes } from './root-attributes.js';

/** What a committed snapshot is. */
export const layerFile = 'layer.erofs';
/** What a differ writes: the layer in the making. */
export const appliedFile = 'applied.erofs';
/** Beside a layer whose root hides all below, which overlayfs does not heed at a root. */
const opaqueFile = 'opaque';
/** The hash tree of a layer, and its root digest. */
const [hashesFile, digestFile] = ['layer.verity', 'root-digest'];
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

export function layerMount(image: string): ErofsMount {
  const verity = verityOf(image);
  return { kind: 'erofs', source: image, ...devicesOf(image), ...(verity === undefined ? {} : { verity }) };
}

/** What its hash tree was found to be when it was made. */
function verityOf(image: string): VerityHashes | undefined {
  const [hashes, digest] = [hashesFile, digestFile].map((name) => join(dirname(image), name)) as [string, string];
  if (basename(image) !== layerFile || !existsSync(digest)) return undefined;
  return { hashes, rootDigest: readFileSync(digest, 'utf8') };
}

export const layerTree = (image: string): LayerTree => ({ format: 'erofs', path: image, ...devicesOf(image) });

/** The files of a layer. */
export function filesOf(image: string): readonly string[] {
  const { devices = [], verity } = layerMount(image);
  return [image, ...devices, ...(verity === undefined ? [] : [verity.hashes])];
}

/** The layers down to one whose root hides all below it. */
export function visible(layers: readonly string[]): readonly string[] {
  const last = layers.findIndex((layer) => existsSync(join(dirname(layer), opaqueFile)));
  return last === -1 ? layers : layers.slice(0, last + 1);
}

/** Makes the layer in a folder of what a differ has applied, which stays. */
export async function keepApplied(folder: string, writeHashes: WriteHashes | undefined): Promise<void> {
  removeSealed(folder);
  const applied = join(folder, appliedFile);
  for (const file of filesOf(applied)) await flush(file);
  const tar = tarOf(applied);
  if (existsSync(tar)) linkSync(tar, join(folder, tarOf(layerFile)));
  linkSync(applied, join(folder, layerFile));
  await finish(folder, writeHashes);
}

/** Makes the layer in a folder by writing its image. */
export async function keepWritten(
  folder: string,
  write: (image: string) => Promise<void>,
  writeHashes: WriteHashes | undefined,
): Promise<void> {
  removeSealed(folder);
  const image = join(folder, newFile);
  try {
    await write(image);
    await flush(image);
    renameSync(image, join(folder, layerFile));
  } finally {
    rmSync(image, { force: true });
  }
  await finish(folder, writeHashes);
}

/** What a commit that came to nothing has left: what it is of may have changed since. */
function removeSealed(folder: string): void {
  for (const name of [layerFile, tarOf(layerFile), opaqueFile, newFile, hashesFile, digestFile])
    rmSync(join(folder, name), { force: true });
}

/** Writes the hash tree of an image to a file, and fulfils with its root digest. */
export type WriteHashes = (image: string, file: string) => Promise<string>;

async function finish(folder: string, writeHashes: WriteHashes | undefined): Promise<void> {
  const image = join(folder, layerFile);
  const { isOpaque } = await rootAttributes(image);
  if (isOpaque) closeSync(openSync(join(folder, opaqueFile), 'wx', 0o600));
  if (writeHashes !== undefined) await keepHashes(image, writeHashes);
  await flush(folder);
  step('kata.layer.written', { folder });
}

async function keepHashes(image: string, writeHashes: WriteHashes): Promise<void> {
  if (devicesOf(image).devices !== undefined) throw verityOfNames(image);
  const [hashes, digest] = [hashesFile, digestFile].map((name) => join(dirname(image), name)) as [string, string];
  const rootDigest = await writeHashes(image, hashes);
  await flush(hashes);
  await using file = await open(digest, 'wx', 0o600);
  await file.writeFile(rootDigest);
  await file.sync();
}

async function flush(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}
