import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printableJson } from '../printable.js';

export const networkDisconnect: Action = async (invocation) => {
  const { name: command, args, options, global, output } = invocation;
  const [network = '', container = ''] = args;
  const force = options.flag('force');
  await interruptible(command, (signal) =>
    withEngine(invocation, (engine) => engine.networks.disconnect(network, container, { force, signal })),
  );
  if (global.json) output.out(`${printableJson({ network, container }, 2)}\n`);
  return 0;
};
