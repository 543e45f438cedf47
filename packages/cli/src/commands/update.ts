import type { Action } from '../command.js';
import { forEachContainer } from '../containers/for-each-container.js';
import { limitsOf } from '../run/settings/limits.js';
import { restartOf } from '../run/settings/supervision.js';
import { usageError } from '../usage-error.js';

export const update: Action = async (invocation) => {
  const flags = { command: 'update', options: invocation.options };
  const changes = { limits: limitsOf(flags), restart: restartOf(flags) };
  if (changes.limits === undefined && changes.restart === undefined) throw usageError('update', 'nothing to change is named');
  return forEachContainer(invocation, { atOnce: 4 }, async (container) => {
    await container.update(changes);
    return { id: container.id, name: container.name };
  });
};
