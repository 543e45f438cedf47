import { randomBytes } from 'node:crypto';
import type { ContainerSettings, ImageConfig } from '@slipway/plugin-api';
import type { ContainerRow } from '../metadata/containers.js';
import type { EngineParts } from '../settings.js';
import { defaultVolumeDriver, findVolume, volumeDriver } from '../volumes/drivers.js';
import { makeAnonymousVolume, obtainVolume } from '../volumes/make-volume.js';
import { checkSource } from './source-tree.js';
import { wantedMounts } from './wanted-mounts.js';

export type ContainerVolume = ContainerRow['volumes'][number];

/**
 * Which volumes a container will have, so that its row can name them before they are made: nobody prunes what a row names. Also refuses mounts that are none, and sources that are
 * not there. Errors: MOUNT_INVALID, BIND_SOURCE_MISSING, VOLUME_DRIVER_UNKNOWN.
 */
export async function planVolumes(
  parts: EngineParts,
  settings: Pick<ContainerSettings, 'mounts'>,
  image: ImageConfig,
): Promise<readonly ContainerVolume[]> {
  const planned: ContainerVolume[] = [];
  for (const mount of wantedMounts(settings, image)) {
    if (mount.type === 'bind') checkSource(mount);
    if (mount.type !== 'volume') continue;
    const { target, volume, driver } = mount;
    if (driver !== undefined) await volumeDriver(parts, driver);
    planned.push(
      volume === undefined
        ? { driver: driver ?? defaultVolumeDriver, name: randomBytes(32).toString('hex'), anonymous: true, target }
        : {
            driver: driver ?? (await findVolume(parts, volume))?.driver ?? defaultVolumeDriver,
            name: volume,
            anonymous: false,
            target,
          },
    );
  }
  return planned;
}

/** Makes those of the planned volumes that are not there. Errors: `already-exists` (with other options), `invalid-argument`. */
export async function makeVolumes(
  parts: EngineParts,
  planned: readonly ContainerVolume[],
  settings: Pick<ContainerSettings, 'mounts'>,
  image: ImageConfig,
): Promise<void> {
  const mounts = wantedMounts(settings, image);
  for (const { driver, name, anonymous, target } of planned) {
    const mount = mounts.find((each) => each.target === target);
    if (mount?.type !== 'volume') continue;
    const { options, labels } = mount;
    if (anonymous) await makeAnonymousVolume(parts, { driver, name, options, labels });
    else await obtainVolume(parts, { driver, name, options, labels });
  }
}
