import { isKind } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { forEachName } from './for-each-name.js';

export const networkRm: Action = async (invocation) => {
  const { name: command, args, options, global, output } = invocation;
  const force = options.flag('force');
  const removed: string[] = [];
  const failed = await interruptible(command, (signal) =>
    withEngine(invocation, (engine) =>
      forEachName(invocation, args, async (name) => {
        try {
          await engine.networks.remove(name, { signal });
        } catch (error) {
          if (force && isKind(error, 'not-found')) return;
          throw error;
        }
        removed.push(name);
        if (!global.json) output.out(`${printable(name)}\n`);
      }),
    ),
  );
  if (global.json) output.out(`${printableJson(removed, 2)}\n`);
  return failed ? 1 : 0;
};
