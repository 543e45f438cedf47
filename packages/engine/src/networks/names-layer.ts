import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hasCode, type Mount, wrapError } from '@slipway/plugin-api';

/** Kernels before 6.7 take 200; an image with as many goes without. */
const maxLayers = 190;

/**
 * The root with empty files of names at its very bottom, where the image has none: the runtime would make them, and what a container has changed would be these. Of a root that is no
 * overlay nothing can be below.
 */
export async function withNameFiles(state: string, rootfs: readonly Mount[]): Promise<readonly Mount[]> {
  const [only, ...more] = rootfs;
  if (more.length > 0) return rootfs;
  if (only?.kind === 'overlay' && only.lower.length <= maxLayers)
    return [{ ...only, lower: [...only.lower, namesFolder(state)] }];
  if (only?.kind === 'layers' && only.lower.length <= maxLayers)
    return [{ ...only, lower: [...only.lower, { kind: 'erofs', source: await namesImage(state) }] }];
  return rootfs;
}

const nameFiles = ['hosts', 'resolv.conf', 'hostname'];

/** One for all containers; nothing ever writes to it. */
function namesFolder(state: string): string {
  const layer = path.join(state, 'names');
  if (existsSync(layer)) return layer;
  const made = temporaryOf(layer);
  try {
    mkdirSync(path.join(made, 'etc'), { recursive: true });
    for (const file of nameFiles) {
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

/** The same for layers that are images. */
async function namesImage(state: string): Promise<string> {
  const layer = path.join(state, 'names.erofs');
  if (existsSync(layer)) return layer;
  const { createErofsImage } = await import('@slipway/layers');
  const made = temporaryOf(layer);
  try {
    const fd = openSync(made, 'wx+', 0o600);
    try {
      const directory = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: [] };
      const image = createErofsImage(fd, { form: 'flat', root: directory });
      const etc = image.makeDirectory(image.root, 'etc', directory);
      for (const file of nameFiles) image.makeFile(etc, file, { ...directory, mode: 0o644 }, { kind: 'empty' });
      image.finish();
    } finally {
      closeSync(fd);
    }
    // One that somebody else has made meanwhile is the same, and whoever has it mounted keeps it.
    renameSync(made, layer);
  } catch (error) {
    rmSync(made, { force: true });
    throw wrapError(`make ${JSON.stringify(layer)}`, error);
  }
  return layer;
}

function temporaryOf(layer: string): string {
  return `${layer}.${randomBytes(8).toString('hex')}`;
}
