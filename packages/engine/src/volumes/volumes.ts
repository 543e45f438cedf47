import type { Volumes } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import type { Works } from '../works.js';

export function engineVolumes(parts: EngineParts, works: Works): Volumes {
  const named = (what: string, name: string): string => `${what} volume ${JSON.stringify(name)}`;
  return {
    create: (options = {}) =>
      works.carryOut(options.name === undefined ? 'create a volume' : named('create', options.name), async () =>
        (await import('./create-volume.js')).createVolume(parts, options),
      ),
    list: (options = {}) =>
      works.carryOut('list volumes', async () => (await import('./list-volumes.js')).listVolumes(parts, options)),
    inspect: (name, options = {}) =>
      works.carryOut(named('inspect', name), async () =>
        (await import('./inspect-volume.js')).inspectVolume(parts, name, options),
      ),
    remove: (name, options = {}) =>
      works.carryOut(named('remove', name), async () => {
        const { removeVolume } = await import('./remove-volume.js');
        await removeVolume(parts, name, { ...options, signal: works.orClosing(options.signal) });
      }),
    prune: (options = {}) =>
      works.carryOut('prune volumes', async () => {
        const { pruneVolumes } = await import('./prune-volumes.js');
        return pruneVolumes(parts, { ...options, signal: works.orClosing(options.signal) });
      }),
  };
}
