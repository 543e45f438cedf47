import { type CreateVolumeOptions, SlipwayError, type VolumeInfo } from '@slipway/plugin-api';
import { emit } from '../events/emit.js';
import type { EngineParts } from '../settings.js';
import { findVolume, volumeDriver } from './drivers.js';

/** Label of volumes that were made for one container, without a name of their own. */
export const anonymousLabel = 'io.slipway.volume.anonymous';

export interface MakeVolume extends CreateVolumeOptions {
  readonly driver: string;
  readonly name: string;
}

export async function makeAnonymousVolume(parts: EngineParts, { labels, ...volume }: MakeVolume): Promise<VolumeInfo> {
  return makeVolume(parts, { ...volume, labels: { ...labels, [anonymousLabel]: '' } });
}

/**
 * The volume that is there, or a new one. Whoever says no options takes it as it is. Errors: `already-exists` when it has other options than were said, or another driver
 * has it; those of the driver.
 */
export async function obtainVolume(parts: EngineParts, volume: MakeVolume): Promise<VolumeInfo> {
  const found = await findVolume(parts, volume.name);
  if (found === undefined || (found.driver === volume.driver && volume.options !== undefined))
    return makeVolume(parts, volume, found?.info);
  if (found.driver === volume.driver) return found.info;
  throw new SlipwayError({
    kind: 'already-exists',
    code: 'VOLUME_EXISTS',
    message: `volume ${JSON.stringify(volume.name)} is there, of the driver "${found.driver}", expected "${volume.driver}"`,
    hint: 'choose another name, or leave out the driver',
    details: { volume: volume.name, driver: found.driver },
  });
}

async function makeVolume(
  parts: EngineParts,
  { driver, name, options, labels }: MakeVolume,
  there?: VolumeInfo,
): Promise<VolumeInfo> {
  const info = await (await volumeDriver(parts, driver)).create(name, { options, labels });
  if (there === undefined) emit(parts, { type: 'volume', action: 'create', id: name, attributes: { driver } });
  return info;
}
