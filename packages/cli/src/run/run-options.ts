import { isatty } from 'node:tty';
import { parsePlatform } from '@slipway/oci';
import { type PullPolicy, type RunOptions, SlipwayError } from '@slipway/plugin-api';
import type { Invocation } from '../command.js';
import { usageError } from '../usage-error.js';
import { settingsOf } from './settings/settings-of.js';
import { initialTerminalSize } from './terminal.js';

/** The engine's options from docker's: what is a file or an environment variable here is read here. */
export function runOptionsOf({ args, options, global }: Invocation): RunOptions {
  const [image, ...command] = args;
  if (image === undefined) throw usageError('run', 'the name of an image is missing');
  const interactive = options.flag('interactive');
  const tty = options.flag('tty');
  if (interactive && tty && !isatty(0)) throw noTty();
  const platform = options.text('platform');
  return {
    ...settingsOf(options, 'run'),
    image,
    stack: global.stack,
    args: command,
    name: options.text('name'),
    pull: options.text('pull') as PullPolicy | undefined,
    platform: platform === undefined ? undefined : parsePlatform(platform),
    terminal: tty ? initialTerminalSize() : undefined,
    stdin: interactive ? (tty ? 'pipe' : 'inherit') : 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
  };
}

function noTty(): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'NOT_A_TTY',
    message: 'the input device is not a TTY',
    hint: 'leave out -t when stdin is a pipe or a file',
  });
}
