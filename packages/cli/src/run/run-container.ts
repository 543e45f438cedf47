import type { Engine, RunningContainer, RunOptions } from '@slipway/plugin-api';
import type { Invocation } from '../command.js';
import { pullProgress } from '../progress/pull-progress.js';
import { ContainerSignals } from './container-signals.js';
import { followWindow, forwardInput, rawTerminal } from './terminal.js';

/** Runs a container with our terminal, stdin and signals, and gives its exit code. */
export async function runContainer(engine: Engine, options: RunOptions, { global, output }: Invocation): Promise<number> {
  using signals = new ContainerSignals(`run ${JSON.stringify(options.image)}`, output);
  using attachment = new DisposableStack();
  const progress = attachment.use(await pullProgress(global, output));
  // The program may write and be signalled before `run` resolves, so all must be its own by then.
  const onCreated = (): void => {
    progress[Symbol.dispose]();
    signals.hold();
    if (options.stdin === 'pipe') attachment.use(rawTerminal(0));
  };
  await using container = await start(engine, { ...options, onProgress: (event) => progress.show(event), onCreated }, signals);
  if (options.terminal !== undefined) attachment.use(followWindow(container, options.terminal));
  attachment.use(forwardInput(container));
  const { exitCode } = await container.wait();
  return exitCode;
}

/** Until the container exists, a signal that ends a program ends the preparation; from then on it is the container's. */
async function start(engine: Engine, options: RunOptions, signals: ContainerSignals): Promise<RunningContainer> {
  const { interruption } = signals;
  try {
    const container = await engine.run({ ...options, signal: interruption.signal });
    if (interruption.error === undefined) {
      signals.forwardTo(container);
      return container;
    }
    // The signal came in the last moment: it has killed a container that was about to run.
    await container.wait();
    throw interruption.error;
  } catch (error) {
    throw interruption.error ?? error;
  }
}
