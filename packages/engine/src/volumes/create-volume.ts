import { randomBytes } from 'node:crypto';
import type { MakeVolumeOptions, Volume } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { defaultVolumeDriver } from './drivers.js';
import { describeVolume } from './list-volumes.js';
import { makeAnonymousVolume, obtainVolume } from './make-volume.js';
import { volumeUsers } from './users.js';

/** Options that are absent are none: unlike a container, which takes a volume as it is, this asks for one without. */
export async function createVolume(parts: EngineParts, options: MakeVolumeOptions): Promise<Volume> {
  const { name, driver = defaultVolumeDriver, options: driverOptions = {}, labels } = options;
  const info =
    name === undefined
      ? await makeAnonymousVolume(parts, { driver, name: randomBytes(32).toString('hex'), options: driverOptions, labels })
      : await obtainVolume(parts, { driver, name, options: driverOptions, labels });
  return describeVolume({ driver, info }, volumeUsers(parts)(driver, info.name));
}
