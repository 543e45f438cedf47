import { type ContainerStreams, hasCode } from '@slipway/plugin-api';
import type { Action, Invocation } from '../command.js';
import { forEachContainer } from '../containers/for-each-container.js';
import { withEngine } from '../host.js';
import { attachContainer } from '../run/attach-container.js';
import { ContainerSignals } from '../run/container-signals.js';
import { detachKeysOf, requireTty, sigProxyOf } from '../run/run-options.js';
import { usageError } from '../usage-error.js';

export const start: Action = async (invocation) => {
  const { args, options } = invocation;
  const attaches = options.flag('attach') || options.flag('interactive');
  if (attaches && args.length > 1) throw usageError('start', `${args.length} containers are named, expected one with -a or -i`);
  if (attaches) return await startAttached(invocation);
  // One after the other: one may join namespaces of another.
  return await forEachContainer(invocation, { atOnce: 1 }, async (container, signal) => {
    try {
      await container.start({ signal });
    } catch (error) {
      // As with Docker: what was asked for is so.
      if (!hasCode(error, 'CONTAINER_RUNNING')) throw error;
    }
    return { id: container.id, name: container.name };
  });
};

/** Gives the container's exit code. */
async function startAttached(invocation: Invocation): Promise<number> {
  const { args, options, global, output } = invocation;
  const [name = ''] = args;
  const [detachKeys, sigProxy] = [detachKeysOf('start', options), sigProxyOf(options)];
  return await withEngine(invocation, async (engine) => {
    using signals = new ContainerSignals(`start ${JSON.stringify(name)}`, output);
    const { signal } = signals.interruption;
    const container = await engine.containers.get(name);
    const { settings } = await container.inspect();
    const stdin = options.flag('interactive') && settings.openStdin === true;
    if (stdin && settings.terminal !== undefined) requireTty('the container has a terminal: start it from one, or without -i');
    await using attached = new AsyncDisposableStack();
    let streams: ContainerStreams | undefined;
    // Before its program runs, so that the first bytes are seen.
    const onCreated = async (): Promise<void> => {
      streams = attached.use(await container.attach({ stdin, signal }));
      signals.hold();
    };
    try {
      await container.start({ signal, onCreated });
    } catch (error) {
      throw signals.interruption.error ?? error;
    }
    if (streams === undefined) throw new Error('it was started, and was never created');
    return await attachContainer(container, streams, signals, { stdin, detachKeys, sigProxy, output, global });
  });
}
