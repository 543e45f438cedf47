import path from 'node:path';
import type { Readable } from 'node:stream';
import { parsePlatform } from '@slipway/oci';
import type { LoadedImage } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { isTerminal } from '../is-terminal.js';
import { printable, printableJson } from '../printable.js';
import { pullProgress } from '../progress/pull-progress.js';
import { shortDigest } from '../short-digest.js';
import { usageError } from '../usage-error.js';

export const load: Action = async (invocation) => {
  const { options, global, output } = invocation;
  const [input, platform] = [options.text('input'), options.text('platform')];
  const source = input === undefined ? stdin() : path.resolve(input);
  const chosen = platform === undefined ? undefined : parsePlatform(platform);
  const images = await withEngine(invocation, (engine) =>
    interruptible('load', async (signal) => {
      using progress = await pullProgress(global, output);
      return await engine.images.load(source, {
        stack: global.stack,
        platform: chosen,
        name: options.text('name'),
        signal,
        onProgress: (event) => progress.show(event),
      });
    }),
  );
  if (global.json) output.out(`${printableJson(images, 2)}\n`);
  else output.out(images.map((image) => (global.quiet ? `${printable(image.name)}\n` : loadedText(image))).join(''));
  return 0;
};

function loadedText({ name, replaced }: LoadedImage): string {
  return `Loaded: ${printable(name)}${replaced === undefined ? '' : ` (was ${shortDigest(replaced)})`}\n`;
}

function stdin(): Readable {
  if (isTerminal(0)) throw usageError('load', 'stdin is a terminal, expected an archive', 'give a file with -i, or a pipe');
  return process.stdin;
}
