import type { Volumes } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';
import type { Works } from '../works.js';

export function engineVolumes(_parts: EngineParts, _works: Works): Volumes {
  const refuse = (): Promise<never> => Promise.reject(unfinished('volumes'));
  return { create: refuse, list: refuse, inspect: refuse, remove: refuse, prune: refuse };
}
