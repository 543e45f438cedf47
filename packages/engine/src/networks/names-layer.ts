import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hasCode, type Mount, wrapError } from '@slipway/plugin-api';

/** Kernels before 6.7 take 200; an image with as many goes without. */
const maxLayers = 190;

/**
 * The root with empty files of names at its very bottom, where the image has none: the runtime would make them, and what a container has changed would be these. Of a root that is no
 * overlay nothing can be below.
 */
export function withNameFiles(state: string, rootfs: readonly Mount[]): readonly Mount[] {
  const [only, ...more] = rootfs;
  if (only?.kind !== 'overlay' || more.length > 0 || only.lower.length > maxLayers) return rootfs;
  return [{ ...only, lower: [...only.lower, namesLayer(state)] }];
}

/** One for all containers; nothing ever writes to it. */
function namesLayer(state: string): string {
  const layer = path.join(state, 'names');
  if (existsSync(layer)) return layer;
  const made = `${layer}.${randomBytes(8).toString('hex')}`;
  try {
    mkdirSync(path.join(made, 'etc'), { recursive: true });
    for (const file of ['hosts', 'resolv.conf', 'hostname']) {
      writeFileSync(path.join(made, 'etc', file), '');
      chmodSync(path.join(made, 'etc', file), 0o644);
    }
    for (const folder of [made, path.join(made, 'etc')]) chmodSync(folder, 0o755);
    renameSync(made, layer);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    // Somebody else was first.
    if (!hasCode(error, 'EEXIST', 'ENOTEMPTY')) throw wrapError(`make ${JSON.stringify(layer)}`, error);
  }
  return layer;
}
