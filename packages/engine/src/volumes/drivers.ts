import { isKind, SlipwayError, type VolumeDriver, type VolumeInfo } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

/** Where nothing else is said, as with Docker. */
export const defaultVolumeDriver = 'local';

type WithVolumes = Pick<EngineParts, 'volumes'>;

/** Errors: `not-found` with VOLUME_DRIVER_UNKNOWN; those of its activation. */
export async function volumeDriver({ volumes }: WithVolumes, id: string): Promise<VolumeDriver> {
  if (volumes.ids.includes(id)) return volumes.get(id);
  throw new SlipwayError({
    kind: 'not-found',
    code: 'VOLUME_DRIVER_UNKNOWN',
    message: `there is no volume driver ${JSON.stringify(id)}, expected ${volumes.ids.join(', ') || 'none, as none is enabled'}`,
    hint: 'slipway plugins ls shows what is enabled',
    details: { driver: id },
  });
}

export interface FoundVolume {
  readonly driver: string;
  readonly info: VolumeInfo;
}

/** Names mean one volume, whichever driver has it; the default driver is asked first. */
export async function findVolume(parts: WithVolumes, name: string): Promise<FoundVolume | undefined> {
  for (const driver of driverIds(parts)) {
    try {
      return { driver, info: await (await volumeDriver(parts, driver)).inspect(name) };
    } catch (error) {
      if (!isKind(error, 'not-found')) throw error;
    }
  }
  return undefined;
}

/** Errors: `not-found` with VOLUME_NOT_FOUND. */
export async function requireVolume(parts: WithVolumes, name: string): Promise<FoundVolume> {
  const found = await findVolume(parts, name);
  if (found !== undefined) return found;
  throw new SlipwayError({
    kind: 'not-found',
    code: 'VOLUME_NOT_FOUND',
    message: `there is no volume ${JSON.stringify(name)}`,
    hint: 'slipway volume ls lists those that are there',
    details: { volume: name },
  });
}

/** Of every driver, in the order of their names. */
export async function allVolumes(parts: WithVolumes): Promise<readonly FoundVolume[]> {
  const found: FoundVolume[] = [];
  for (const driver of driverIds(parts)) {
    for (const info of await (await volumeDriver(parts, driver)).list()) found.push({ driver, info });
  }
  return found.toSorted((one, other) => (one.info.name < other.info.name ? -1 : one.info.name > other.info.name ? 1 : 0));
}

function driverIds({ volumes }: WithVolumes): readonly string[] {
  return volumes.ids.toSorted((one, other) => Number(other === defaultVolumeDriver) - Number(one === defaultVolumeDriver));
}
