import type { ExecOptions } from '@slipway/plugin-api';
import type { Action, Invocation } from '../command.js';
import { withEngine } from '../host.js';
import { memoryLimit } from '../run/attach-container.js';
import { ContainerSignals } from '../run/container-signals.js';
import { envFileEntries, ownValue } from '../run/env.js';
import { OutOfMemory } from '../run/out-of-memory.js';
import { detachKeysOf, requireTty } from '../run/run-options.js';
import { session } from '../run/session.js';
import { readFlagFile } from '../run/settings/flag-file.js';
import { followWindow, initialTerminalSize, rawTerminal } from '../run/terminal.js';
import { usageError } from '../usage-error.js';

export const exec: Action = async (invocation) => {
  const { args, options, global, output } = invocation;
  const [name = '', ...command] = args;
  if (command.length === 0) throw usageError('exec', 'the command is missing');
  const [wanted, detachKeys] = [execOptionsOf(invocation, command), detachKeysOf('exec', options)];
  return await withEngine(invocation, async (engine) => {
    using signals = new ContainerSignals(`exec in ${JSON.stringify(name)}`, output);
    const { interruption } = signals;
    const container = await engine.containers.get(name);
    using outOfMemory = new OutOfMemory(global, output);
    using attachment = new DisposableStack();
    if (wanted.stdin === 'pipe') attachment.use(rawTerminal(0));
    let process_: Awaited<ReturnType<typeof container.exec>>;
    try {
      process_ = await container.exec({ ...wanted, signal: interruption.signal });
    } catch (error) {
      throw interruption.error ?? error;
    }
    await using process = process_;
    if (wanted.detach === true) return 0;
    if (wanted.terminal !== undefined) attachment.use(followWindow(process, wanted.terminal));
    return await session(
      {
        stdin: process.stdin,
        wait: async () => {
          const status = await process.wait();
          if (status.oomKilled === true) outOfMemory.note(status, container, await memoryLimit(container));
          return status;
        },
        kill: (signal) => process.kill(signal),
        resize: (size) => process.resize(size),
        leave: () => process.detach(),
      },
      signals,
      { detachKeys, sigProxy: true, output, isInPipeline: wanted.terminal === undefined },
    );
  });
};

function execOptionsOf({ options }: Invocation, args: readonly string[]): ExecOptions {
  const [interactive, tty, detach] = [options.flag('interactive'), options.flag('tty'), options.flag('detach')];
  if (interactive && tty && !detach) requireTty();
  return {
    args,
    env: [
      ...options.list('envFile').flatMap((file) => envFileEntries(file, readFlagFile('env-file', file), process.env)),
      ...options.list('env').flatMap((entry) => ownValue(entry, process.env)),
    ],
    workdir: options.text('workdir'),
    user: options.text('user'),
    privileged: options.flag('privileged'),
    terminal: tty ? initialTerminalSize() : undefined,
    detach,
    stdin: interactive && !detach ? (tty ? 'pipe' : 'inherit') : 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
  };
}
