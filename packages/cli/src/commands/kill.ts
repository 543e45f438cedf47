import type { Action } from '../command.js';
import { forEachContainer } from '../containers/for-each-container.js';

export const kill: Action = (invocation) =>
  forEachContainer(invocation, { atOnce: 4 }, async (container) => {
    await container.kill(invocation.options.text('signal'));
    return { id: container.id, name: container.name };
  });
