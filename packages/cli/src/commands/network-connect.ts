import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printableJson } from '../printable.js';
import { choiceSettingsOf } from '../run/settings/network.js';

export const networkConnect: Action = async (invocation) => {
  const { name: command, args, options, global, output } = invocation;
  const [network = '', container = ''] = args;
  const settings = choiceSettingsOf({ command, options }, 'alias');
  await interruptible(command, (signal) =>
    withEngine(invocation, (engine) => engine.networks.connect(network, container, { ...settings, signal })),
  );
  if (global.json) output.out(`${printableJson({ network, container }, 2)}\n`);
  return 0;
};
