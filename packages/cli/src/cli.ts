import type { Command, CommanderError } from 'commander';
import { type GlobalOptions, type Invocation, OptionValues } from './command.js';
import { errorReport } from './error-report.js';
import { exitCodeOf } from './exit-codes.js';
import { OutputClosed, output } from './output.js';
import { type Choice, makeProgram } from './program.js';
import { usageErrorOf } from './usage.js';

/** Thrown to leave the parser after it has printed a help text. */
class HelpShown extends Error {
  override readonly name = 'HelpShown';
}

/** Parses, runs the chosen command, reports its error. Resolves with the exit code; never rejects. */
export async function runCli(argv: readonly string[]): Promise<number> {
  let name = '';
  let global: GlobalOptions = { json: argv.includes('--json'), quiet: false, debug: argv.includes('--debug') };
  const report = (error: unknown): number => {
    if (!(error instanceof OutputClosed)) output.err(errorReport(error, global));
    return exitCodeOf(error, name);
  };
  const crash = (error: unknown): void => process.exit(report(error));
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  try {
    const choice = parse(argv, (command) => {
      name = nameOf(command);
    });
    if (choice === undefined) return 0;
    name = choice.spec.name;
    global = globalsOf(choice.command);
    const options = new OptionValues(choice.command.opts());
    const invocation: Invocation = { name, args: choice.args, options, global, output };
    const action = await choice.spec.load();
    return await action(invocation);
  } catch (error) {
    return report(error);
  }
}

/** Undefined when only a help text was asked for. */
function parse(argv: readonly string[], failing: (command: Command) => void): Choice | undefined {
  let choice: Choice | undefined;
  const program = makeProgram({
    output,
    chosen: (chosen) => {
      choice = chosen;
    },
    failed: (error: CommanderError, command: Command) => {
      failing(command);
      if (error.exitCode === 0 || error.code === 'commander.help') throw new HelpShown();
      throw usageErrorOf(error, command);
    },
  });
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof HelpShown)) throw error;
  }
  return choice;
}

/** `images mount`. */
function nameOf(command: Command): string {
  const names: string[] = [];
  for (let one: Command | null = command; one?.parent != null; one = one.parent) names.unshift(one.name());
  return names.join(' ');
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
