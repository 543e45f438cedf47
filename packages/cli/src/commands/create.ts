import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { pullProgress } from '../progress/pull-progress.js';
import { createOptionsOf } from '../run/create-options.js';

export const create: Action = async (invocation) => {
  const { global, output } = invocation;
  const options = createOptionsOf(invocation);
  const { id, name } = await withEngine(invocation, (engine) =>
    interruptible(`create a container of ${JSON.stringify(options.image)}`, async (signal) => {
      using progress = await pullProgress(global, output);
      return await engine.containers.create({ ...options, signal, onProgress: (event) => progress.show(event) });
    }),
  );
  output.out(global.json ? `${printableJson({ id, name }, 2)}\n` : `${printable(id)}\n`);
  return 0;
};
