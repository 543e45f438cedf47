import type { Image } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { usageError } from '../usage-error.js';
import { forEachName } from './for-each-name.js';

export const tag: Action = async (invocation) => {
  const { args, global, output } = invocation;
  const [source, ...names] = args;
  if (source === undefined || names.length === 0) throw usageError('tag', 'it takes an image and a name for it');
  const tagged: Image[] = [];
  const failed = await withEngine(invocation, (engine) =>
    forEachName(invocation, names, async (name) => {
      const image = await engine.images.tag(source, name);
      tagged.push(image);
      if (!global.json) output.out(`${printable(image.name)}\n`);
    }),
  );
  if (global.json) output.out(`${printableJson(tagged, 2)}\n`);
  return failed ? 1 : 0;
};
