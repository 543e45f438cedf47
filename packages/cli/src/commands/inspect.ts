import { parsePlatform } from '@slipway/oci';
import type { ImageDetails } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printableJson } from '../printable.js';
import { forEachName } from './for-each-name.js';

export const inspect: Action = async (invocation) => {
  const { args, options, output } = invocation;
  const given = options.text('platform');
  const platform = given === undefined ? undefined : parsePlatform(given);
  const found: ImageDetails[] = [];
  const failed = await withEngine(invocation, (engine) =>
    forEachName(invocation, args, async (name) => {
      found.push(await engine.images.inspect(name, { platform }));
    }),
  );
  output.out(`${printableJson(found, 2)}\n`);
  return failed ? 1 : 0;
};
