import { Argument, Command, type CommanderError, Option } from 'commander';
import type { CommandSpec, OptionSpec } from './command.js';
import { commandTree, containerGroup, containersHeading, groupSummaries } from './commands/tree.js';
import { globalOptions, versionOption } from './options.js';
import type { Output } from './output.js';
import { ownVersion } from './own-version.js';

/** What the command line asks for. */
export interface Choice {
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  readonly command: Command;
}

/** Thrown to leave the parser after it has printed a help text, or the version. */
export class HelpShown extends Error {
  override readonly name = 'HelpShown';
}

/** The command line is wrong: what commander found, and where. */
export class MisusedCommand extends Error {
  override readonly name = 'MisusedCommand';

  constructor(
    readonly finding: CommanderError,
    readonly command: Command,
    /** `images mount`; empty for `slipway` itself. */
    readonly commandName: string,
  ) {
    super(finding.message, { cause: finding });
  }
}

/** Fixed, so that a help text is the same everywhere; a narrower terminal wraps it. */
const helpWidth = 100;

interface Hooks {
  readonly output: Pick<Output, 'out'>;
  readonly chosen: (choice: Choice) => void;
  /** What completes a command that only has a name yet: a line needs one or two of them all. */
  readonly unfinished: Map<Command, () => void>;
}

/**
 * The parser of the whole command line. Nothing runs in it: it tells which command was chosen.
 * Its `parse` throws {@link HelpShown} and {@link MisusedCommand}.
 *
 * @param words only commands and groups that are called by one of them
 */
export function makeProgram(output: Pick<Output, 'out'>, chosen: (choice: Choice) => void, words?: ReadonlySet<string>): Command {
  const hooks: Hooks = { output, chosen, unfinished: new Map() };
  const program = equip(new Command('slipway'), '', hooks)
    .usage('[OPTIONS] COMMAND')
    .description('Slipway runs containers: from an image by its name to a process.')
    .enablePositionalOptions()
    .helpCommand(false)
    .addOption(makeOption(versionOption).helpGroup('Global options:'))
    .on('option:version', () => {
      output.out(`slipway ${ownVersion()}\n`);
      throw new HelpShown();
    })
    .addHelpText('after', '\nSee slipway COMMAND --help, or slipway help COMMAND.');
  const groups = new Set<string>();
  for (const spec of commandTree) {
    const [first = '', second] = spec.name.split(' ');
    if (words?.has(first) === false) continue;
    if (second === undefined)
      program.addCommand(makeCommand(first, spec, hooks).helpGroup(spec.group), { hidden: spec.hidden === true });
    else if (!groups.has(first)) {
      groups.add(first);
      program.addCommand(makeGroup(first, hooks).helpGroup(spec.group));
    }
  }
  program.addCommand(helpCommand(program, hooks));
  return program;
}

/** Commands that begin with the same word. */
function makeGroup(first: string, hooks: Hooks): Command {
  const group = new Command(first).description(groupSummaries[first] ?? '').helpCommand(false);
  hooks.unfinished.set(group, () => {
    equip(group, first, hooks).enablePositionalOptions();
    for (const spec of commandTree) {
      const [word = '', second] = spec.name.split(' ');
      if (word === first && second !== undefined)
        group.addCommand(makeCommand(second, spec, hooks), { isDefault: spec.isDefault === true });
      // `container stop` and the like are `stop`, as with docker.
      if (first === containerGroup && second === undefined && spec.group === containersHeading)
        group.addCommand(makeCommand(word, spec, hooks), { hidden: true });
    }
  });
  return group;
}

/** `help images mount`, which commander's own does not understand. */
function helpCommand(program: Command, hooks: Hooks): Command {
  const help = equip(new Command('help'), 'help', hooks)
    .summary('show the help of a command')
    .description('Show the help of a command.')
    .argument('[command...]', 'its words')
    .helpGroup('About:');
  return help.action((words: readonly string[]) => {
    let command = program;
    for (const word of words) {
      const next = command.commands.find((one) => one.name() === word);
      if (next === undefined) return command.error(`error: unknown command '${word}'`, { code: 'commander.unknownCommand' });
      finish(next, hooks);
      command = next;
    }
    return command.help();
  });
}

function makeCommand(name: string, spec: CommandSpec, hooks: Hooks): Command {
  const command = new Command(name).summary(spec.summary);
  hooks.unfinished.set(command, () => {
    equip(command, spec.name, hooks, spec.options);
    command.description(
      spec.description === undefined ? sentence(spec.summary) : `${sentence(spec.summary)}\n\n${spec.description}`,
    );
    if (spec.passesThrough === true) command.passThroughOptions();
    for (const { name: text, text: meaning, choices } of spec.args) {
      const argument = new Argument(text, meaning);
      command.addArgument(choices === undefined ? argument : argument.choices(choices));
    }
    command.addHelpText('after', examplesText(spec)).action(() => hooks.chosen({ spec, args: command.args, command }));
  });
  return command;
}

/** A command is complete before it is parsed or shown. */
function finish(command: Command, hooks: Hooks): void {
  const work = hooks.unfinished.get(command);
  hooks.unfinished.delete(command);
  work?.();
}

/** `path`: all words of the command. */
function equip(command: Command, path: string, hooks: Hooks, options: readonly OptionSpec[] = []): Command {
  for (const spec of options) command.addOption(makeOption(spec));
  for (const spec of globalOptions) command.addOption(makeOption(spec).helpGroup('Global options:'));
  const takesH = options.some(({ flags }) => flags.startsWith('-h,'));
  return command
    .addHelpOption(new Option(takesH ? '--help' : '-h, --help', 'show this help').helpGroup('Global options:'))
    .configureHelp({ helpWidth, showGlobalOptions: false, subcommandTerm: (sub) => sub.name() })
    .configureOutput({
      writeOut: (text) => hooks.output.out(text),
      writeErr: (text) => hooks.output.out(text),
      outputError: () => undefined,
    })
    .hook('preSubcommand', (_, sub) => finish(sub, hooks))
    .exitOverride((error) => {
      if (error.exitCode === 0 || error.code === 'commander.help') throw new HelpShown();
      throw new MisusedCommand(error, command, path);
    });
}

function makeOption({ flags, text, repeats, choices, heading }: OptionSpec): Option {
  const option = new Option(flags, text);
  if (heading !== undefined) option.helpGroup(heading);
  if (choices !== undefined) option.choices(choices);
  const check = option.parseArg;
  if (repeats === true)
    option.argParser((value: string, previous: readonly string[] | undefined) => {
      check?.(value, undefined);
      return [...(previous ?? []), value];
    });
  return option;
}

function examplesText({ examples }: CommandSpec): string {
  const width = Math.max(...examples.map(([command]) => command.length));
  return `\nExamples:\n${examples.map(([command, meaning]) => `  ${command.padEnd(width)}  # ${meaning}`).join('\n')}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
