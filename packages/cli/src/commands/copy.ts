import { parsePlatform } from '@slipway/oci';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { usageError } from '../usage-error.js';
import { showTransferred } from './show-transferred.js';

export const copy: Action = async (invocation) => {
  const { args, options, global } = invocation;
  const [source, destination] = args;
  if (source === undefined || destination === undefined) throw usageError('copy', 'it takes a source and a destination');
  const given = options.text('platform');
  const platform = given === undefined ? undefined : parsePlatform(given);
  const referrers = options.flag('referrers');
  return withEngine(invocation, (engine) =>
    showTransferred(invocation, `copy ${JSON.stringify(source)}`, 'Copied', (signal, onProgress) =>
      engine.images.copy(source, destination, { platform, referrers, stack: global.stack, signal, onProgress }),
    ),
  );
};
