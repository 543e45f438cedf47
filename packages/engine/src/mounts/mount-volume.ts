import { isKind, type Mount, type VolumeSettings, wrapError } from '@slipway/plugin-api';
import { emit } from '../events/emit.js';
import { lockFile, takeLock } from '../locks/index.js';
import { containersTable } from '../metadata/containers.js';
import { rowKey } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';
import { volumeDriver } from '../volumes/drivers.js';
import { type ContainerVolume, makeVolumes } from './plan-volumes.js';
import type { PrepareMounts } from './prepare-mounts.js';
import type { ResolvedTarget } from './resolve-target.js';
import { type SourceTree, volumeTree } from './source-tree.js';

export type MountedVolume = VolumeSettings;

/** The container has the volume from here on; the operation gives it back. What the image has where it goes is copied to it when it is empty, once for each container. */
export async function mountVolume(
  input: PrepareMounts,
  mount: MountedVolume,
  volume: ContainerVolume,
  target: ResolvedTarget,
): Promise<SourceTree> {
  const { parts, operation, id } = input;
  const { driver, name } = volume;
  operation.acquire({ kind: 'volume-use', driver, name, user: id });
  const mounted = await mountOrMake(input, volume);
  emit(parts, { type: 'volume', action: 'mount', id: name, attributes: { driver, container: id } });
  const readOnly = mount.readOnly === true;
  if (canBeFilled(mount, mounted, target)) await fill(input, volume, mounted, target);
  try {
    return volumeTree(mounted, { target: mount.target, volume: name, subpath: mount.subpath, readOnly });
  } catch (error) {
    throw wrapError(`mount volume "${name}" at ${JSON.stringify(mount.target)}`, error);
  }
}

/** Named volumes may be removed between two starts, by force or with their driver's own tools. */
async function mountOrMake({ parts, id, settings, image }: PrepareMounts, volume: ContainerVolume): Promise<Mount> {
  const driver = await volumeDriver(parts, volume.driver);
  try {
    return await driver.mount(volume.name, id);
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
    await makeVolumes(parts, [volume], settings, image);
    return driver.mount(volume.name, id);
  }
}

function canBeFilled({ noCopy, subpath }: MountedVolume, mounted: Mount, { found }: ResolvedTarget): boolean {
  if (noCopy === true || subpath !== undefined || found !== 'directory') return false;
  return mounted.kind === 'bind' ? !mounted.readOnly : mounted.kind !== 'erofs';
}

async function fill(
  { parts, id, tree, signal }: PrepareMounts,
  volume: ContainerVolume,
  mount: Mount,
  target: ResolvedTarget,
): Promise<void> {
  const { driver, name } = volume;
  const { fillVolume } = await import('./fill-volume.js');
  const what = `copy ${JSON.stringify(target.path)} of the image to volume "${name}"`;
  const file = lockFile(parts.settings.root, 'volume-fill', driver, name);
  using _lock = await takeLock(file, { what, signal, isDone: () => false });
  try {
    await fillVolume({ volume: name, mount, tree, from: target.path, begun: volume.filled ?? false, signal });
  } catch (error) {
    throw wrapError(what, error);
  }
  if (!volume.filled) await noteFilled(parts, id, volume.target);
}

/** A container that has emptied its volume finds it empty at its next start. */
async function noteFilled(parts: EngineParts, id: string, target: string): Promise<void> {
  await parts.metadata.write((tx) => {
    const row = tx.get(containersTable, rowKey(id));
    if (row === undefined) return;
    const volumes = row.volumes.map((volume) => (volume.target === target ? { ...volume, filled: true } : volume));
    tx.put(containersTable, rowKey(id), { ...row, volumes });
  });
}
