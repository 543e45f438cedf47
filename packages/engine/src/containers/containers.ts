import type { Containers } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import type { Works } from '../works.js';

export function engineContainers(parts: EngineParts, works: Works): Containers {
  const named = (what: string, id: string): string => `${what} container ${JSON.stringify(id)}`;
  return {
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
