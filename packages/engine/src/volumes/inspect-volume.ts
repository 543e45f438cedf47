import type { Volume } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { requireVolume, volumeDriver } from './drivers.js';
import { describeVolume } from './list-volumes.js';
import { volumeUsers } from './users.js';

export async function inspectVolume(
  parts: EngineParts,
  name: string,
  { usage = false }: { readonly usage?: boolean | undefined },
): Promise<Volume> {
  const found = await requireVolume(parts, name);
  const measured = usage ? await (await volumeDriver(parts, found.driver)).usage(name) : undefined;
  return describeVolume(found, volumeUsers(parts)(found.driver, name), measured);
}
