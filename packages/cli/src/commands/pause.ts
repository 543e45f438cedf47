import type { Action } from '../command.js';
import { forEachContainer } from '../containers/for-each-container.js';

export const pause: Action = (invocation) =>
  forEachContainer(invocation, { atOnce: 4 }, async (container) => {
    await container.pause();
    return { id: container.id, name: container.name };
  });

export const unpause: Action = (invocation) =>
  forEachContainer(invocation, { atOnce: 4 }, async (container) => {
    await container.unpause();
    return { id: container.id, name: container.name };
  });
