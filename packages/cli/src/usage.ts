import type { SlipwayError } from '@slipway/plugin-api';
import type { MisusedCommand } from './program.js';
import { usageError } from './usage-error.js';

/** Commander's finding in our words: `error: unknown option '--nmae'\n(Did you mean --name?)`. */
export function usageErrorOf({ finding, command, commandName }: MisusedCommand): SlipwayError {
  const [first = '', suggestion] = finding.message.replace(/^error: /, '').split('\n');
  const hint = suggestion?.replace(/^\((.*)\)$/, '$1').replace(/^Did/, 'did');
  const [word] = command.args;
  // A group hands what is none of its commands to its default one.
  const unknown = finding.code === 'commander.excessArguments' && commandName.includes(' ') && word !== undefined;
  if (!unknown) return usageError(commandName, first.replaceAll("'", '"'), hint);
  return usageError(commandName.split(' ')[0] ?? '', `unknown command ${JSON.stringify(word)}`);
}
