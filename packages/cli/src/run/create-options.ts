import { parsePlatform } from '@slipway/oci';
import type { CreateContainerOptions, PullPolicy } from '@slipway/plugin-api';
import type { Invocation } from '../command.js';
import { usageError } from '../usage-error.js';
import { settingsOf } from './settings/settings-of.js';
import { initialTerminalSize } from './terminal.js';

/** The engine's options of `create` from docker's. */
export function createOptionsOf({ name: command, args, options, global }: Invocation): CreateContainerOptions {
  const [image, ...words] = args;
  if (image === undefined) throw usageError(command, 'the name of an image is missing');
  const platform = options.text('platform');
  const settings = settingsOf(options, command);
  return {
    ...settings,
    // The library's default is none: a person expects a container to reach the world.
    network: settings.network ?? 'default',
    image,
    stack: global.stack,
    args: words,
    name: options.text('name'),
    pull: options.text('pull') as PullPolicy | undefined,
    platform: platform === undefined ? undefined : parsePlatform(platform),
    openStdin: options.flag('interactive'),
    terminal: options.flag('tty') ? initialTerminalSize() : undefined,
    removeAtExit: options.flag('rm'),
  };
}
