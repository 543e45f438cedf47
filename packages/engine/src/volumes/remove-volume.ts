import { isKind, SlipwayError } from '@slipway/plugin-api';
import { emit } from '../events/emit.js';
import type { EngineParts } from '../settings.js';
import { requireVolume, volumeDriver } from './drivers.js';
import { volumeUsers } from './users.js';

export interface RemoveVolumeOptions {
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `force`, as with Docker: what is not there is no error. It takes no volume from a container. */
export async function removeVolume(
  parts: EngineParts,
  name: string,
  { force = false, signal }: RemoveVolumeOptions,
): Promise<void> {
  try {
    const { driver } = await requireVolume(parts, name);
    const users = volumeUsers(parts)(driver, name);
    if (users.length > 0) throw inUse(name, users);
    await discardVolume(parts, driver, name, signal);
  } catch (error) {
    if (!force || !isKind(error, 'not-found')) throw error;
  }
}

export async function discardVolume(parts: EngineParts, driver: string, name: string, signal?: AbortSignal): Promise<void> {
  await (await volumeDriver(parts, driver)).remove(name, { signal });
  emit(parts, { type: 'volume', action: 'destroy', id: name, attributes: { driver } });
}

/** Of a container that is no more. Another one may have been given it by its name; then it stays. */
export async function releaseAnonymousVolume(parts: EngineParts, driver: string, name: string): Promise<void> {
  if (volumeUsers(parts)(driver, name).length > 0) return;
  try {
    await discardVolume(parts, driver, name);
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
  }
}

export async function releaseVolumeUse(parts: EngineParts, driver: string, name: string, user: string): Promise<void> {
  try {
    await (await volumeDriver(parts, driver)).unmount(name, user);
    emit(parts, { type: 'volume', action: 'unmount', id: name, attributes: { driver, container: user } });
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
  }
}

function inUse(name: string, users: readonly string[]): SlipwayError {
  const [first = '', ...others] = users;
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'VOLUME_IN_USE',
    message: `remove volume ${JSON.stringify(name)}: container ${users.map((user) => JSON.stringify(user)).join(', ')} has it`,
    hint: `slipway rm ${first}${others.length > 0 ? ' ...' : ''} removes ${others.length > 0 ? 'the containers' : 'the container'} first`,
    details: { volume: name, containers: users },
  });
}
