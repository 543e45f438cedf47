import { parsePlatform } from '@slipway/oci';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';

export const imagesMount: Action = async (invocation) => {
  const { args, options, global } = invocation;
  const [ref = '', directory = ''] = args;
  const platform = options.text('platform');
  await withEngine(invocation, (engine) =>
    engine.images.mount(ref, directory, {
      stack: global.stack,
      platform: platform === undefined ? undefined : parsePlatform(platform),
    }),
  );
  return 0;
};
