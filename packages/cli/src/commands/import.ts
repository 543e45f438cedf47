import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { parsePlatform } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { isTerminal } from '../is-terminal.js';
import { usageError } from '../usage-error.js';
import { showMade } from './show-made.js';

export const importImage: Action = async (invocation) => {
  const { args, options, global } = invocation;
  const [file = '', ref = ''] = args;
  const platform = options.text('platform');
  const chosen = platform === undefined ? undefined : parsePlatform(platform);
  const image = await withEngine(invocation, (engine) =>
    interruptible(`import ${JSON.stringify(ref)}`, async (signal) =>
      engine.images.import(file === '-' ? await stdin(signal) : await tarFile(file), ref, {
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

/** Absolute. What else is wrong with it is told by who reads it. */
async function tarFile(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() === true && found.size === 0) throw empty(JSON.stringify(file), 'see whether what wrote it has failed');
  return path.resolve(file);
}

async function stdin(signal: AbortSignal): Promise<Readable> {
  if (isTerminal(0)) throw usageError('import', 'stdin is a terminal, expected a tar file', 'give a file, or a pipe');
  await once(process.stdin, 'readable', { signal });
  const first: unknown = process.stdin.read();
  if (first === null) throw empty('stdin', 'see whether what writes to the pipe has failed');
  process.stdin.unshift(first);
  return process.stdin;
}

/** Nothing at all is what a program before us leaves that failed: no image without files is made of that. */
function empty(what: string, hint: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'IMPORT_EMPTY',
    message: `${what} is empty, expected a tar file`,
    hint,
  });
}
