import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { attachContainer } from '../run/attach-container.js';
import { ContainerSignals } from '../run/container-signals.js';
import { detachKeysOf, requireTty, sigProxyOf } from '../run/run-options.js';

export const attach: Action = async (invocation) => {
  const { args, options, global, output } = invocation;
  const [name = ''] = args;
  const [detachKeys, sigProxy] = [detachKeysOf('attach', options), sigProxyOf(options)];
  return await withEngine(invocation, async (engine) => {
    using signals = new ContainerSignals(`attach to ${JSON.stringify(name)}`, output);
    const container = await engine.containers.get(name);
    const { settings } = await container.inspect();
    const stdin = settings.openStdin === true && !options.isOff('stdin');
    if (stdin && settings.terminal !== undefined)
      requireTty('the container has a terminal: attach from one, or with --no-stdin to see only what it writes');
    await using streams = await container.attach({ stdin, signal: signals.interruption.signal });
    return await attachContainer(container, streams, signals, { stdin, detachKeys, sigProxy, output, global });
  });
};
