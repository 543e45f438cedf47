import type { ExitStatus, WaitForOptions } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { type ContainerResult, forEachContainer } from '../containers/for-each-container.js';

type Waited = ContainerResult & ExitStatus;

/** Docker's words for the engine's. */
const conditions: Readonly<Record<string, NonNullable<WaitForOptions['until']>>> = {
  'not-running': 'exit',
  'next-exit': 'next-exit',
  removed: 'removed',
};

export const wait: Action = (invocation) => {
  const until = conditions[invocation.options.text('condition') ?? 'not-running'];
  // All at once: one that is removed at its end may be gone when the one before it has ended.
  const atOnce = invocation.args.length;
  return forEachContainer<Waited>(
    invocation,
    { atOnce, line: ({ exitCode }) => String(exitCode) },
    async (container, signal) => ({
      id: container.id,
      name: container.name,
      ...(await container.wait({ until, signal })),
    }),
  );
};
