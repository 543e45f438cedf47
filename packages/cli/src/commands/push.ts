import { parsePlatform } from '@slipway/oci';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { usageError } from '../usage-error.js';
import { showTransferred } from './show-transferred.js';

export const push: Action = async (invocation) => {
  const { args, options, global } = invocation;
  const [ref, to] = args;
  if (ref === undefined) throw usageError('push', 'the name of an image is missing');
  const given = options.text('platform');
  const platform = given === undefined ? undefined : parsePlatform(given);
  return withEngine(invocation, (engine) =>
    showTransferred(invocation, `push ${JSON.stringify(ref)}`, 'Pushed', (signal, onProgress) =>
      engine.images.push(ref, { to, platform, stack: global.stack, signal, onProgress }),
    ),
  );
};
