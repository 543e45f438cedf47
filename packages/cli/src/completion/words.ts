import type { ArgumentSpec, CommandSpec, Completed, OptionSpec } from '../command.js';
import { commandTree, groupSummaries } from '../commands/tree.js';
import { globalOptions, versionOption } from '../options.js';

/** What can be typed after certain words, for every shell's script. */
export interface Completion {
  /** `images mount`; empty for `slipway` itself. */
  readonly path: string;
  readonly subcommands: readonly Described[];
  readonly options: readonly CompletedOption[];
  /** Of the arguments, in order. */
  readonly args: readonly CompletedArgument[];
  /** After its first argument everything belongs to another program. */
  readonly passesThrough: boolean;
}

export interface Described {
  readonly name: string;
  readonly text: string;
}

export interface CompletedArgument {
  /** `ref`. */
  readonly label: string;
  readonly repeats: boolean;
  readonly choices: readonly string[];
  readonly completes: Completed | undefined;
}

export interface CompletedOption {
  /** `-e`, `--env`. */
  readonly names: readonly string[];
  readonly text: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  readonly completes: Completed | undefined;
}

/** `slipway` itself first, then groups and commands. */
export function completions(): readonly Completion[] {
  const shown = commandTree.filter(({ hidden }) => hidden !== true);
  const inGroup = (group: string): readonly CommandSpec[] => shown.filter(({ name }) => name.startsWith(`${group} `));
  const firstWords = new Map<string, string>();
  for (const { name, summary } of shown) {
    const [first = ''] = name.split(' ');
    firstWords.set(first, groupSummaries[first] ?? summary);
  }
  const top: Completion = {
    path: '',
    subcommands: [
      ...[...firstWords].map(([name, text]) => ({ name, text })),
      { name: 'help', text: 'show the help of a command' },
    ],
    options: optionsOf([versionOption]),
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
  const commands = shown.map((spec) => ({
    path: spec.name,
    subcommands: [],
    options: optionsOf(spec.options),
    args: spec.args.map(argumentOf),
    passesThrough: spec.passesThrough === true,
  }));
  return [top, ...groups, ...commands];
}

/** What an argument is called says what it names, unless it says so itself. */
const named: Readonly<Record<string, Completed>> = {
  ref: 'images',
  container: 'containers',
  'container|ref': 'containers-and-images',
  volume: 'volumes',
  network: 'networks',
};

function argumentOf({ name, choices = [], completes }: ArgumentSpec): CompletedArgument {
  const label = name.replaceAll(/[<>[\].]/g, '');
  return { label, repeats: name.includes('...'), choices, completes: completes ?? named[label] };
}

function optionsOf(own: readonly OptionSpec[]): readonly CompletedOption[] {
  const help: OptionSpec = {
    flags: own.some(({ flags }) => flags.startsWith('-h,')) ? '--help' : '-h, --help',
    text: 'show help',
  };
  return [...own, ...globalOptions, help].map(({ flags, text, offers = [], choices = offers, completes }) => ({
    names: flags.replace(/ <.*$/, '').split(', '),
    text,
    takesValue: flags.includes('<'),
    choices,
    completes,
  }));
}
