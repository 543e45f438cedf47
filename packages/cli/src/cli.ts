import type { Command } from 'commander';
import { type GlobalOptions, type Invocation, OptionValues } from './command.js';
import { type Output, output } from './output.js';
import { type Choice, HelpShown, MisusedCommand, makeProgram } from './program.js';

/** Parses, runs the chosen command, reports its error. Resolves with the exit code; never rejects. */
export async function runCli(argv: readonly string[]): Promise<number> {
  let name = '';
  // Until the options are parsed, which may be what fails.
  let global: Pick<GlobalOptions, 'json' | 'debug'> = { json: argv.includes('--json'), debug: argv.includes('--debug') };
  const report = async (error: unknown): Promise<number> => (await import('./failure.js')).reportFailure(error, name, global);
  const crash = (error: unknown): void => void report(error).then((code) => process.exit(code));
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  try {
    const choice = parse(argv);
    if (choice === undefined) return 0;
    name = choice.spec.name;
    const invocation = invocationOf(choice);
    global = invocation.global;
    const action = await choice.spec.load();
    return await action(invocation);
  } catch (error) {
    return report(error);
  }
}

/** Undefined when only a help text was asked for. Errors: `MisusedCommand`. */
function parse(argv: readonly string[]): Choice | undefined {
  // To make all commands takes 3 ms, and a line is for one of them. What is told when there is none, or it is wrong, depends on all.
  return parseWith(argv, { out: () => undefined }, new Set(argv)) ?? parseWith(argv, output);
}

function parseWith(argv: readonly string[], shown: Pick<Output, 'out'>, words?: ReadonlySet<string>): Choice | undefined {
  let choice: Choice | undefined;
  const choose = (chosen: Choice): void => {
    choice = chosen;
  };
  try {
    makeProgram(shown, choose, words).parse(argv, { from: 'user' });
  } catch (error) {
    const isTriedAgain = words !== undefined && error instanceof MisusedCommand;
    if (!(error instanceof HelpShown) && !isTriedAgain) throw error;
  }
  return choice;
}

function invocationOf({ spec, args, command }: Choice): Invocation {
  return { name: spec.name, args, options: new OptionValues(command.opts()), global: globalsOf(command), output };
}

/** What is given nearer to the command wins. */
function globalsOf(command: Command): GlobalOptions {
  const given: Record<string, unknown> = {};
  for (let one: Command | null = command; one !== null; one = one.parent) {
    for (const [key, value] of Object.entries(one.opts())) given[key] ??= value;
  }
  const values = new OptionValues(given);
  return {
    stack: values.text('stack'),
    root: values.text('root'),
    state: values.text('state'),
    config: values.text('config'),
    json: values.flag('json'),
    quiet: values.flag('quiet'),
    debug: values.flag('debug'),
  };
}
