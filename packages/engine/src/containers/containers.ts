import type { Containers } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import type { Works } from '../works.js';
import { ContainerHandle } from './handle.js';

export function engineContainers(parts: EngineParts, works: Works): Containers {
  const named = (what: string, id: string): string => `${what} container ${JSON.stringify(id)}`;
  return {
    create: (options) =>
      works.carryOut(`create a container of ${JSON.stringify(options?.image)}`, async () => {
        const { createContainer } = await import('./create.js');
        return createContainer(parts, works, { ...options, signal: works.orClosing(options?.signal) });
      }),
    get: (name) =>
      works.carryOut(named('find', name), async () => {
        const { findContainer } = await import('./find.js');
        const { id, row } = findContainer(parts, name);
        return new ContainerHandle(parts, works, id, row.name, row.image);
      }),
    list: (options = {}) =>
      works.carryOut('list containers', async () => (await import('./list.js')).listContainers(parts, options)),
    inspect: (name) =>
      works.carryOut(named('inspect', name), async () => {
        const { findContainer } = await import('./find.js');
        const { inspectContainer } = await import('./inspect.js');
        return inspectContainer(parts, findContainer(parts, name).id);
      }),
    remove: (name, options = {}) =>
      works.carryOut(named('remove', name), async () => {
        const { removeByName } = await import('./remove-by-name.js');
        return removeByName(parts, name, { ...options, signal: works.orClosing(options.signal) });
      }),
    prune: (options = {}) =>
      works.carryOut('prune containers', async () => {
        const { pruneContainers } = await import('./prune.js');
        return pruneContainers(parts, { ...options, signal: works.orClosing(options.signal) });
      }),
    events: async function* (options = {}) {
      const { engineEvents } = await works.carryOut('events', () => import('../events/follow.js'));
      yield* engineEvents(parts, { ...options, signal: works.orClosing(options.signal) });
    },
    restartAfterBoot: (options = {}) =>
      works.carryOut('restart containers after the boot', async () => {
        const { restartAfterBoot } = await import('./boot.js');
        return restartAfterBoot(parts, { ...options, signal: works.orClosing(options.signal) });
      }),
    commit: (id, name, options = {}) =>
      works.carryOut(named('commit', id), async () => {
        const { commitContainer } = await import('./commit.js');
        return commitContainer(parts, id, name, { ...options, signal: works.orClosing(options.signal) });
      }),
    export: (id, output, options = {}) =>
      works.carryOut(named('export', id), async () => {
        const { exportContainer } = await import('./export.js');
        return exportContainer(parts, id, output, works.orClosing(options.signal));
      }),
    diff: (id, options = {}) =>
      works.carryOut(named('diff', id), async () => {
        const { diffContainer } = await import('./diff.js');
        return diffContainer(parts, id, works.orClosing(options.signal));
      }),
  };
}
