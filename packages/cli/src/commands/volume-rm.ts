import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { forEachName } from './for-each-name.js';

export const volumeRm: Action = async (invocation) => {
  const { args, options, global, output } = invocation;
  const force = options.flag('force');
  const removed: string[] = [];
  const failed = await interruptible('volume rm', (signal) =>
    withEngine(invocation, (engine) =>
      forEachName(invocation, args, async (name) => {
        await engine.volumes.remove(name, { force, signal });
        removed.push(name);
        if (!global.json) output.out(`${printable(name)}\n`);
      }),
    ),
  );
  if (global.json) output.out(`${printableJson(removed, 2)}\n`);
  return failed ? 1 : 0;
};
