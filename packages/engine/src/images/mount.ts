import { createHash } from 'node:crypto';
import { closeSync, realpathSync, statSync } from 'node:fs';
import { linux } from '@slipway/linux';
import { type Platform, SlipwayError, type StackOptions, step, wrapError } from '@slipway/plugin-api';
import { imageMountsTable } from '../metadata/mounts.js';
import { rowKey } from '../metadata/rows.js';
import { Operation } from '../operations/operation.js';
import { loadImage } from '../pull/load-image.js';
import type { EngineParts } from '../settings.js';
import { activeStack } from '../stack.js';
import { ensureUnpacked } from '../unpack/ensure-unpacked.js';
import { findImage } from './describe.js';
import { releaseImageMount } from './release-mount.js';

/** Shows an image's tree on a directory of the host. The mount stays until {@link unmountImage}; its row says what it holds. */
export async function mountImage(
  parts: EngineParts,
  name: string,
  directory: string,
  options: StackOptions & { readonly platform?: Platform | undefined },
): Promise<void> {
  const place = existingDirectory(directory);
  const { image } = findImage(parts, name);
  const stack = activeStack(parts, options.stack);
  const loaded = await loadImage(parts.content, image.target, options.platform);
  await using operation = Operation.begin(parts, 'mount');
  await ensureUnpacked(parts, stack, loaded, {});
  const { id, snapshotter } = await stack.snapshotter();
  const key = `mount-${createHash('sha256').update(`${operation.id} ${place}`).digest('hex').slice(0, 32)}`;
  const row = { image: image.name, snapshotter: id, snapshotKey: key };
  const record = operation.acquire({ kind: 'image-mount', directory: place, ...row });
  await parts.metadata.write((tx) => {
    if (tx.get(imageMountsTable, rowKey(place)) !== undefined) throw mountedAlready(place);
    tx.put(imageMountsTable, rowKey(place), row);
  });
  const mounts = await snapshotter.view(key, loaded.chain.at(-1));
  const tree = linux.mountDetached(mounts, { readOnly: true });
  try {
    // Every user of the host may reach the place, and an image may have brought a setuid shell or the host's disk as a device.
    linux.attachMount(tree, place, { inert: true });
  } finally {
    closeSync(tree);
  }
  record.forget();
  step('images.mounted', { directory: place });
}

export async function unmountImage(parts: EngineParts, directory: string): Promise<void> {
  const place = existingDirectory(directory);
  const row = parts.metadata.read((tx) => tx.get(imageMountsTable, rowKey(place)));
  if (row === undefined) {
    throw new SlipwayError({
      kind: 'not-found',
      code: 'IMAGE_MOUNT_NOT_FOUND',
      message: `no image is mounted on ${JSON.stringify(place)}`,
      hint: 'slipway images mount REF DIR mounts one',
    });
  }
  await releaseImageMount(parts, place, row, { force: false });
}

function existingDirectory(directory: string): string {
  const what = `mount point ${JSON.stringify(directory)}`;
  try {
    const place = realpathSync(directory);
    if (statSync(place).isDirectory()) return place;
  } catch (error) {
    throw wrapError(what, error);
  }
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'NOT_A_DIRECTORY',
    message: `${what} is not a directory`,
    hint: 'make it first: mkdir',
  });
}

function mountedAlready(place: string): SlipwayError {
  return new SlipwayError({
    kind: 'already-exists',
    code: 'IMAGE_MOUNT_EXISTS',
    message: `an image is mounted on ${JSON.stringify(place)} already`,
    hint: `slipway images unmount ${place}`,
  });
}
