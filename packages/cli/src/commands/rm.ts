import { hasCode, isKind, isSlipwayError } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { forEachContainer } from '../containers/for-each-container.js';

export const rm: Action = (invocation) => {
  const force = invocation.options.flag('force');
  const volumes = invocation.options.flag('volumes');
  return forEachContainer(
    invocation,
    // As docker: with -f it is as good when it has gone already.
    {
      atOnce: 4,
      forgives: (error) => force && isKind(error, 'not-found'),
      // There is no handle of one whose row cannot be read, but it can be removed.
      without: async (engine, name, error, signal) => {
        if (!isSlipwayError(error) || !hasCode(error, 'CONTAINER_UNREADABLE')) throw error;
        await engine.containers.remove(name, { force, volumes, signal });
        const { id, name: found } = error.details;
        return { id: String(id), name: String(found ?? id) };
      },
    },
    async (container, signal) => {
      await container.remove({ force, volumes, signal });
      return { id: container.id, name: container.name };
    },
  );
};
