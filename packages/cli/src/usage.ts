import type { SlipwayError } from '@slipway/plugin-api';
import type { Command, CommanderError } from 'commander';
import { usageError } from './usage-error.js';

/** Commander's finding in our words: `error: unknown option '--nmae'\n(Did you mean --name?)`. */
export function usageErrorOf(error: CommanderError, command: Command): SlipwayError {
  const names: string[] = [];
  for (let one: Command | null = command; one?.parent != null; one = one.parent) names.unshift(one.name());
  const [first = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const hint = suggestion?.replace(/^\((.*)\)$/, '$1').replace(/^Did/, 'did');
  const excess = error.code === 'commander.excessArguments' && command.parent?.parent != null && command.args[0] !== undefined;
  const message = excess ? `unknown command ${JSON.stringify(command.args[0])}` : first.replaceAll("'", '"');
  return usageError(names.join(' '), message, hint);
}
