import { SlipwayError } from '@slipway/plugin-api';
import type { Invocation, OptionValues } from '../command.js';
import { isTerminal } from '../is-terminal.js';
import { usageError } from '../usage-error.js';
import { createOptionsOf } from './create-options.js';
import { defaultDetachKeys, parseDetachKeys } from './detach-keys.js';
import type { RunRequest } from './run-container.js';

/** What `run` is asked for, from docker's options: what is a file or an environment variable here is read here. */
export function runRequestOf(invocation: Invocation): RunRequest {
  const { name: command, options } = invocation;
  const detach = options.flag('detach');
  const [interactive, tty] = [options.flag('interactive'), options.flag('tty')];
  const dieWithParent = options.flag('dieWithParent');
  if (detach && dieWithParent)
    throw usageError(command, '-d and --die-with-parent contradict each other', 'leave one of them out');
  const attach = options.list('attach');
  if (detach && attach.length > 0) throw usageError(command, '-a and -d contradict each other', 'leave one of them out');
  // As docker: its stdin is what -i says, whatever else is attached.
  const output = (stream: string): 'inherit' | 'ignore' =>
    attach.length === 0 || attach.includes(stream) ? 'inherit' : 'ignore';
  if (interactive && tty && !detach) requireTty();
  return {
    options: {
      ...createOptionsOf(invocation),
      detach,
      dieWithParent,
      stdin: interactive ? (tty ? 'pipe' : 'inherit') : 'ignore',
      stdout: output('stdout'),
      stderr: output('stderr'),
    },
    detachKeys: detachKeysOf(command, options),
    sigProxy: sigProxyOf(options),
    cidFile: options.text('cidfile'),
  };
}

export function detachKeysOf(command: string, options: OptionValues): readonly number[] {
  return parseDetachKeys(command, options.text('detachKeys') ?? defaultDetachKeys);
}

export function sigProxyOf(options: OptionValues): boolean {
  return options.text('sigProxy') !== 'false';
}

export function requireTty(hint = 'leave out -t when stdin is a pipe or a file'): void {
  if (isTerminal(0)) return;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'NOT_A_TTY',
    message: 'the input device is not a TTY',
    hint,
  });
}
