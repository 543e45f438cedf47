import { Argument, Command, type CommanderError, Option } from 'commander';
import type { CommandSpec, OptionSpec } from './command.js';
import { commandTree, groupSummaries } from './commands/tree.js';
import { globalOptions } from './options.js';
import type { Output } from './output.js';

/** What the command line asks for. */
export interface Choice {
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  readonly command: Command;
}

/** Thrown to leave the parser after it has printed a help text. */
export class HelpShown extends Error {
  override readonly name = 'HelpShown';
}

/** The command line is wrong: what commander found, and where. */
export class MisusedCommand extends Error {
  override readonly name = 'MisusedCommand';

  constructor(
    readonly finding: CommanderError,
    readonly command: Command,
  ) {
    super(finding.message, { cause: finding });
  }

  /** `images mount`; empty for `slipway` itself. */
  get commandName(): string {
    const names: string[] = [];
    for (let one: Command | null = this.command; one?.parent != null; one = one.parent) names.unshift(one.name());
    return names.join(' ');
  }
}

/** Fixed, so that a help text is the same everywhere; a narrower terminal wraps it. */
const helpWidth = 100;

interface Hooks {
  readonly output: Output;
  readonly chosen: (choice: Choice) => void;
}

/**
 * The parser of the whole command line. Nothing runs in it: it tells which command was chosen.
 * Its `parse` throws {@link HelpShown} and {@link MisusedCommand}.
 */
export function makeProgram(output: Output, chosen: (choice: Choice) => void): Command {
  const hooks: Hooks = { output, chosen };
  const program = newCommand('slipway', hooks)
    .usage('[OPTIONS] COMMAND')
    .description('Slipway runs containers: from an image by its name to a process.')
    .enablePositionalOptions()
    .helpCommand(false)
    .addHelpText('after', '\nSee slipway COMMAND --help, or slipway help COMMAND.');
  const groups = new Map<string, Command>();
  for (const spec of commandTree) {
    const [first = '', second] = spec.name.split(' ');
    if (second === undefined) {
      program.addCommand(makeCommand(first, spec, hooks));
      continue;
    }
    let group = groups.get(first);
    if (group === undefined) {
      group = newCommand(first, hooks)
        .description(groupSummaries[first] ?? '')
        .helpGroup(spec.group)
        .helpCommand(false);
      groups.set(first, group);
      program.addCommand(group);
    }
    group.addCommand(makeCommand(second, spec, hooks), { isDefault: spec.isDefault === true });
  }
  program.addCommand(helpCommand(program, hooks));
  return program;
}

/** `help images mount`, which commander's own does not understand. */
function helpCommand(program: Command, hooks: Hooks): Command {
  const help = newCommand('help', hooks)
    .summary('show the help of a command')
    .description('Show the help of a command.')
    .argument('[command...]', 'its words')
    .helpGroup('About:');
  return help.action((words: readonly string[]) => {
    let command = program;
    for (const word of words) {
      const next = command.commands.find((one) => one.name() === word);
      if (next === undefined) return command.error(`error: unknown command '${word}'`, { code: 'commander.unknownCommand' });
      command = next;
    }
    return command.help();
  });
}

function makeCommand(name: string, spec: CommandSpec, hooks: Hooks): Command {
  const command = newCommand(name, hooks, spec.options).summary(spec.summary);
  command.description(
    spec.description === undefined ? sentence(spec.summary) : `${sentence(spec.summary)}\n\n${spec.description}`,
  );
  if (spec.passesThrough === true) command.passThroughOptions();
  if (!spec.name.includes(' ')) command.helpGroup(spec.group);
  for (const { name: text, text: meaning, choices } of spec.args) {
    const argument = new Argument(text, meaning);
    command.addArgument(choices === undefined ? argument : argument.choices(choices));
  }
  command.addHelpText('after', examplesText(spec));
  return command.action(() => hooks.chosen({ spec, args: command.args, command }));
}

function newCommand(name: string, hooks: Hooks, options: readonly OptionSpec[] = []): Command {
  const command = new Command(name);
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
    .exitOverride((error) => {
      if (error.exitCode === 0 || error.code === 'commander.help') throw new HelpShown();
      throw new MisusedCommand(error, command);
    });
}

function makeOption({ flags, text, repeats, choices }: OptionSpec): Option {
  const option = new Option(flags, text);
  if (choices !== undefined) option.choices(choices);
  if (repeats === true)
    option.argParser((value: string, previous: readonly string[] | undefined) => [...(previous ?? []), value]);
  return option;
}

function examplesText({ examples }: CommandSpec): string {
  const width = Math.max(...examples.map(([command]) => command.length));
  return `\nExamples:\n${examples.map(([command, meaning]) => `  ${command.padEnd(width)}  # ${meaning}`).join('\n')}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
