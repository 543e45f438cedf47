import path from 'node:path';
import type { Readable } from 'node:stream';
import { isatty } from 'node:tty';
import { parsePlatform } from '@slipway/oci';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { usageError } from '../usage-error.js';
import { showMade } from './show-made.js';

export const importImage: Action = async (invocation) => {
  const { args, options, global } = invocation;
  const [file = '', ref = ''] = args;
  const platform = options.text('platform');
  const chosen = platform === undefined ? undefined : parsePlatform(platform);
  const image = await withEngine(invocation, (engine) =>
    interruptible(`import ${JSON.stringify(ref)}`, (signal) =>
      engine.images.import(file === '-' ? stdin() : path.resolve(file), ref, {
        stack: global.stack,
        changes: options.list('change'),
        message: options.text('message'),
        author: options.text('author'),
        platform: chosen,
        signal,
      }),
    ),
  );
  showMade(invocation, image);
  return 0;
};

function stdin(): Readable {
  if (isatty(0)) throw usageError('import', 'stdin is a terminal, expected a tar file', 'give a file, or a pipe');
  return process.stdin;
}
