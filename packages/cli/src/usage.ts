import type { SlipwayError } from '@slipway/plugin-api';
import { commandTree } from './commands/tree.js';
import type { MisusedCommand } from './program.js';
import { usageError } from './usage-error.js';

/** Commander's finding in our words: `error: unknown option '--nmae'\n(Did you mean --name?)`. */
export function usageErrorOf({ finding, command, commandName }: MisusedCommand): SlipwayError {
  const [message = '', suggestion] = finding.message.replace(/^error: /, '').split('\n');
  const first = message.replaceAll("'", '"');
  const [word] = command.args;
  if (finding.code === 'commander.excessArguments') {
    // A group hands what is none of its commands to its default one.
    if (commandName.includes(' ') && word !== undefined)
      return usageError(commandName.split(' ')[0] ?? '', `unknown command ${JSON.stringify(word)}`);
    return usageError(commandName, first, commandTree.find(({ name }) => name === commandName)?.surplus);
  }
  return usageError(commandName, first, hintOf(suggestion, word));
}

/** With three letters every short command is similar. */
const shortestGuess = 4;

function hintOf(suggestion: string | undefined, word = ''): string | undefined {
  const [, meant] = /^\(Did you mean (.*)\)$/.exec(suggestion ?? '') ?? [];
  if (meant === undefined || (word.length < shortestGuess && !meant.startsWith(word))) return undefined;
  return `did you mean ${meant}`;
}
