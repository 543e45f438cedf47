import type { ContainerMount, MountSettings } from '@slipway/plugin-api';
import type { ContainerRow } from '../metadata/containers.js';
import type { EngineParts } from '../settings.js';
import { volumeDriver } from '../volumes/drivers.js';
import type { ContainerVolume } from './plan-volumes.js';
import { settingsMounts } from './wanted-mounts.js';

/** For people, of a container in any state. The source of a volume is its folder on this host where it has one, else its name. */
export async function describeMounts(
  parts: EngineParts,
  { settings, volumes }: Pick<ContainerRow, 'settings' | 'volumes'>,
): Promise<readonly ContainerMount[]> {
  const mounts = settingsMounts(settings);
  const ofImage = volumes.filter(({ target }) => !mounts.some((mount) => mount.target === target));
  const all: readonly MountSettings[] = [...mounts, ...ofImage.map(({ target }): MountSettings => ({ type: 'volume', target }))];
  return Promise.all(
    all.map(async (mount): Promise<ContainerMount> => {
      const common = { type: mount.type, target: mount.target, readOnly: mount.readOnly ?? false };
      if (mount.type === 'tmpfs') return { ...common, source: 'tmpfs' };
      if (mount.type === 'bind') return { ...common, source: mount.source, propagation: mount.propagation ?? 'rprivate' };
      const volume = volumes.find(({ target }) => target === mount.target);
      if (volume === undefined) return { ...common, source: mount.volume ?? '' };
      return { ...common, source: await sourceOf(parts, volume), volume: volume.name, driver: volume.driver };
    }),
  );
}

/** One that is gone is told by its name. */
async function sourceOf(parts: EngineParts, { driver, name }: ContainerVolume): Promise<string> {
  try {
    return (await (await volumeDriver(parts, driver)).inspect(name)).mountpoint ?? name;
  } catch {
    return name;
  }
}
