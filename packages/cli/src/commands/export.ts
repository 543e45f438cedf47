import { writeBytes } from '../binary-output.js';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';

export const exportContainer: Action = async (invocation) => {
  const { args, options } = invocation;
  const [container = ''] = args;
  await writeBytes('export', options.text('output'), (output) =>
    withEngine(invocation, (engine) =>
      interruptible(`export ${JSON.stringify(container)}`, (signal) => engine.containers.export(container, output, { signal })),
    ),
  );
  return 0;
};
