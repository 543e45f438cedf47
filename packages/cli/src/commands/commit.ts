import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { showMade } from './show-made.js';

export const commit: Action = async (invocation) => {
  const { args, options } = invocation;
  const [container = '', ref = ''] = args;
  const image = await withEngine(invocation, (engine) =>
    interruptible(`commit ${JSON.stringify(container)}`, (signal) =>
      engine.containers.commit(container, ref, {
        changes: options.list('change'),
        message: options.text('message'),
        author: options.text('author'),
        signal,
      }),
    ),
  );
  showMade(invocation, image);
  return 0;
};
