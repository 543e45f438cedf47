import type { Container, Engine, RunOptions } from '@slipway/plugin-api';
import type { Invocation } from '../command.js';
import { Interruption } from '../interruption.js';
import { pullProgress } from '../progress/pull-progress.js';
import { SignalForwarding } from './signal-forwarding.js';
import { followWindow, forwardInput, rawTerminal } from './terminal.js';

/** Runs a container with our terminal, stdin and signals, and gives its exit code. */
export async function runContainer(engine: Engine, options: RunOptions, { global, output }: Invocation): Promise<number> {
  using forwarding = new SignalForwarding(output);
  await using container = await start(engine, options, { global, output }, forwarding);
  using attachment = new DisposableStack();
  if (options.terminal !== undefined) attachment.use(followWindow(container, options.terminal));
  if (container.stdin !== undefined) {
    attachment.use(rawTerminal(0));
    attachment.use(forwardInput(container));
  }
  const { exitCode } = await container.wait();
  return exitCode;
}

/** Until the container runs, a signal that ends a program ends the preparation; from then on it is the container's. */
async function start(
  engine: Engine,
  options: RunOptions,
  { global, output }: Pick<Invocation, 'global' | 'output'>,
  forwarding: SignalForwarding,
): Promise<Container> {
  using interruption = new Interruption(`run ${JSON.stringify(options.image)}`);
  try {
    using progress = await pullProgress(global, output);
    const { signal } = interruption;
    const container = await engine.run({ ...options, signal, onProgress: (event) => progress.show(event) });
    forwarding.container = container;
    if (interruption.error === undefined) return container;
    // The signal came in the last moment, when the container ran already: it is killed by the same signal of ours.
    await container.wait();
    throw interruption.error;
  } catch (error) {
    throw interruption.error ?? error;
  }
}
