import type { ContainerSettings } from '@slipway/plugin-api';
import type { ImageDefaults } from './image-defaults.js';
import { checkExecString, invalid } from './invalid.js';

/**
 * The command line, by Docker's rules: entrypoint, then arguments. Given arguments replace the image's Cmd; a given entrypoint
 * (`[]` for none) replaces the image's and drops its Cmd. An empty list of arguments counts as none given.
 * Errors: `IMAGE_HAS_NO_COMMAND`, `NUL_IN_TEXT`, `TEXT_TOO_LONG`.
 */
export function buildArgs(image: ImageDefaults, options: Pick<ContainerSettings, 'args' | 'entrypoint'>): readonly string[] {
  const given = options.args ?? [];
  const cmd = given.length > 0 || options.entrypoint !== undefined ? given : image.cmd;
  const args = [...(options.entrypoint ?? image.entrypoint), ...cmd];
  if (args.length === 0) {
    throw invalid('IMAGE_HAS_NO_COMMAND', 'The image names no command (its Entrypoint and Cmd are empty) and none was given', {
      hint: 'say what to run, as in: slipway run IMAGE COMMAND',
    });
  }
  for (const [index, arg] of args.entries()) checkExecString(`Argument ${index} of the command`, arg);
  return args;
}
