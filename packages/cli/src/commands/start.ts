import type { Action } from '../command.js';
import { forEachContainer } from '../containers/for-each-container.js';

/** One after the other: one may join namespaces of another. */
export const start: Action = (invocation) =>
  forEachContainer(invocation, { atOnce: 1 }, async (container, signal) => {
    await container.start({ signal });
    return { id: container.id, name: container.name };
  });
