import type { ArgumentSpec, CommandSpec, OptionSpec } from '../command.js';
import { commandTree, groupSummaries } from '../commands/tree.js';
import { globalOptions } from '../options.js';

/** What can be typed after certain words, for every shell's script. */
export interface Completion {
  /** `images mount`; empty for `slipway` itself. */
  readonly path: string;
  readonly subcommands: readonly Described[];
  readonly options: readonly CompletedOption[];
  /** Of the arguments, in order. */
  readonly args: readonly ArgumentSpec[];
  /** After its first argument everything belongs to another program. */
  readonly passesThrough: boolean;
}

export interface Described {
  readonly name: string;
  readonly text: string;
}

export interface CompletedOption {
  /** `-e`, `--env`. */
  readonly names: readonly string[];
  readonly text: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  readonly completes: OptionSpec['completes'];
}

/** `slipway` itself first, then groups and commands. */
export function completions(): readonly Completion[] {
  const inGroup = (group: string): readonly CommandSpec[] => commandTree.filter(({ name }) => name.startsWith(`${group} `));
  const firstWords = new Map<string, string>();
  for (const { name, summary } of commandTree) {
    const [first = ''] = name.split(' ');
    firstWords.set(first, groupSummaries[first] ?? summary);
  }
  const top: Completion = {
    path: '',
    subcommands: [
      ...[...firstWords].map(([name, text]) => ({ name, text })),
      { name: 'help', text: 'show the help of a command' },
    ],
    options: optionsOf([]),
    args: [],
    passesThrough: false,
  };
  const groups = Object.keys(groupSummaries).map((group) => ({
    path: group,
    subcommands: inGroup(group).map(({ name, summary }) => ({ name: name.slice(group.length + 1), text: summary })),
    options: optionsOf([]),
    args: [],
    passesThrough: false,
  }));
  const commands = commandTree.map((spec) => ({
    path: spec.name,
    subcommands: [],
    options: optionsOf(spec.options),
    args: spec.args,
    passesThrough: spec.passesThrough === true,
  }));
  return [top, ...groups, ...commands];
}

function optionsOf(own: readonly OptionSpec[]): readonly CompletedOption[] {
  const help: OptionSpec = {
    flags: own.some(({ flags }) => flags.startsWith('-h,')) ? '--help' : '-h, --help',
    text: 'show help',
  };
  return [...own, ...globalOptions, help].map(({ flags, text, choices = [], completes }) => ({
    names: flags.replace(/ <.*$/, '').split(', '),
    text,
    takesValue: flags.includes('<'),
    choices,
    completes,
  }));
}
