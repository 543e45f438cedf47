import type { ContainerMount, ImageConfig } from '@slipway/plugin-api';
import type { ContainerRow } from '../metadata/containers.js';
import type { EngineParts } from '../settings.js';
import { volumeDriver } from '../volumes/drivers.js';
import { wantedMounts } from './wanted-mounts.js';

/** For people, of a container in any state. The source of a volume is its folder on this host where it has one, else its name. */
export async function describeMounts(
  parts: EngineParts,
  { settings, volumes }: Pick<ContainerRow, 'settings' | 'volumes'>,
  image: ImageConfig,
): Promise<readonly ContainerMount[]> {
  return Promise.all(
    wantedMounts(settings, image).map(async (mount): Promise<ContainerMount> => {
      const { type, target, readOnly = false } = mount;
      if (mount.type === 'tmpfs') return { type, source: 'tmpfs', target, readOnly };
      if (mount.type === 'bind') {
        return { type, source: mount.source, target, readOnly, propagation: mount.propagation ?? 'rprivate' };
      }
      const volume = volumes.find((each) => each.target === target);
      if (volume === undefined) return { type, source: mount.volume ?? '', target, readOnly };
      const { driver, name } = volume;
      const info = await volumeDriver(parts, driver)
        .then((found) => found.inspect(name))
        .catch(() => undefined);
      return { type, source: info?.mountpoint ?? name, target, readOnly, volume: name, driver };
    }),
  );
}
