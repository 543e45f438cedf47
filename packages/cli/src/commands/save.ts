import path from 'node:path';
import type { Writable } from 'node:stream';
import { parsePlatform } from '@slipway/oci';
import type { ArchiveFormat, Image } from '@slipway/plugin-api';
import { writeBytes } from '../binary-output.js';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { interruptible } from '../interruption.js';
import { printable, printableJson } from '../printable.js';
import { usageError } from '../usage-error.js';

export const save: Action = async (invocation) => {
  const { args, options, global, output } = invocation;
  const [file, platform] = [options.text('output'), options.text('platform')];
  const chosen = platform === undefined ? undefined : parsePlatform(platform);
  const format = options.text('format') as ArchiveFormat | undefined;
  if (file === undefined && format === 'oci') throw usageError('save', 'the format oci is a folder, and needs --output');
  if (file === undefined && global.json) throw usageError('save', 'stdout has the archive: --json needs --output');
  const saveTo = (target: string | Writable): Promise<readonly Image[]> =>
    withEngine(invocation, (engine) =>
      interruptible('save', (signal) => engine.images.save(args, { format, platform: chosen, output: target, signal })),
    );
  if (file === undefined) {
    await writeBytes('save', undefined, async (stream) => void (await saveTo(stream)));
    return 0;
  }
  const images = await saveTo(path.resolve(file));
  if (global.json) output.out(`${printableJson(images, 2)}\n`);
  else output.out(images.map(({ name }) => (global.quiet ? `${printable(name)}\n` : `Saved: ${printable(name)}\n`)).join(''));
  return 0;
};
