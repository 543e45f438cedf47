import type { NetworkDetails } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printableJson } from '../printable.js';
import { forEachName } from './for-each-name.js';

export const networkInspect: Action = async (invocation) => {
  const { args, output } = invocation;
  const found: NetworkDetails[] = [];
  const failed = await withEngine(invocation, (engine) =>
    forEachName(invocation, args, async (name) => {
      found.push(await engine.networks.inspect(name));
    }),
  );
  output.out(`${printableJson(found, 2)}\n`);
  return failed ? 1 : 0;
};
