import type { SlipwayError } from '@slipway/plugin-api';
import type { Command } from 'commander';
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
  const [, option] = /^unknown option "(-[^"]*)"$/.exec(first) ?? [];
  const hint = option === undefined ? undefined : optionHint(option, command, commandName);
  return usageError(commandName, first, hint ?? hintOf(suggestion, word));
}

/** Of docker, which are not here: what does it instead. */
const elsewhere: Readonly<Record<string, string>> = {
  '--link': 'containers of one network find each other by their names: slipway network create NET, then --network NET for both',
  '--dns-opt': 'did you mean --dns-option?',
  '--net-alias': 'did you mean --network-alias?',
};

/** The one option that begins so, as docker's `--net`; or what stands in the place of docker's templates. */
function optionHint(option: string, { options }: Command, commandName: string): string | undefined {
  if (option === '--format' || (option === '-f' && commandName.endsWith('inspect')))
    return 'there are no templates: --json prints everything, and jq takes one thing of it';
  if (Object.hasOwn(elsewhere, option)) return elsewhere[option];
  const meant = options.flatMap(({ long }) => (long?.startsWith(option) && option.startsWith('--') ? [long] : []));
  // Of `--network` and `--network-alias` the first is the one that was cut.
  const [first] = meant.toSorted((a, b) => a.length - b.length);
  return first !== undefined && meant.every((long) => long.startsWith(first)) ? `did you mean ${first}?` : undefined;
}

/** With three letters every short command is similar. */
const shortestGuess = 4;

function hintOf(suggestion: string | undefined, word = ''): string | undefined {
  const [, meant] = /^\(Did you mean (.*)\)$/.exec(suggestion ?? '') ?? [];
  if (meant === undefined || (word.length < shortestGuess && !meant.startsWith(word))) return undefined;
  return `did you mean ${meant}`;
}
