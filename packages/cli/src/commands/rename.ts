import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printableJson } from '../printable.js';

export const rename: Action = async (invocation) => {
  const { args, global, output } = invocation;
  const [old = '', name = ''] = args;
  const id = await withEngine(invocation, async (engine) => {
    const container = await engine.containers.get(old);
    await container.rename(name);
    return container.id;
  });
  if (global.json) output.out(`${printableJson({ id, name }, 2)}\n`);
  return 0;
};
