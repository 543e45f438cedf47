import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { type Engine, type ExitStatus, type RunningContainer, type RunOptions, wrapError } from '@slipway/plugin-api';
import type { Invocation } from '../command.js';
import { printable, printableJson } from '../printable.js';
import { pullProgress } from '../progress/pull-progress.js';
import { ContainerSignals } from './container-signals.js';
import { OutOfMemory } from './out-of-memory.js';
import { session } from './session.js';
import { followWindow, rawTerminal } from './terminal.js';

/** What `run` is asked for. */
export interface RunRequest {
  readonly options: RunOptions;
  readonly detachKeys: readonly number[];
  readonly sigProxy: boolean;
  /** A file that must not be there, for the id. */
  readonly cidFile?: string | undefined;
}

/** Runs a container with our terminal, stdin and signals, and gives its exit code; detached, prints its id. */
export async function runContainer(engine: Engine, request: RunRequest, { global, output }: Invocation): Promise<number> {
  const { options, detachKeys, sigProxy } = request;
  using cidFile = request.cidFile === undefined ? undefined : new CidFile(request.cidFile);
  using signals = new ContainerSignals(`run ${JSON.stringify(options.image)}`, output);
  using outOfMemory = new OutOfMemory(global, output);
  using attachment = new DisposableStack();
  const progress = attachment.use(await pullProgress(global, output));
  // The program may write and be signalled before `run` resolves, so all must be its own by then.
  const onCreated = (): void => {
    progress[Symbol.dispose]();
    if (options.detach === true) return;
    signals.hold();
    if (options.stdin === 'pipe') attachment.use(rawTerminal(0));
  };
  await using container = await start(engine, { ...options, onProgress: (event) => progress.show(event), onCreated }, signals);
  cidFile?.write(container.id);
  if (options.detach === true) {
    const { id, name } = container;
    output.out(global.json ? `${printableJson({ id, name }, 2)}\n` : `${printable(id)}\n`);
    return 0;
  }
  if (options.terminal !== undefined) attachment.use(followWindow(container, options.terminal));
  const stop = new AbortController();
  const wait = async (): Promise<ExitStatus> => {
    const status = await container.wait({ signal: stop.signal });
    outOfMemory.note(status, container, options.limits?.memory);
    return status;
  };
  const leave = async (): Promise<void> => {
    await container.detach();
    stop.abort();
  };
  return await session(
    {
      stdin: container.stdin,
      wait,
      kill: (signal) => container.kill(signal),
      resize: (size) => container.resize(size),
      leave: options.dieWithParent === true ? undefined : leave,
    },
    signals,
    { detachKeys, sigProxy, output, isInPipeline: options.terminal === undefined && options.stdout === 'inherit' },
  );
}

/** Until the container exists, a signal that ends a program ends the preparation; from then on it is the container's. */
async function start(engine: Engine, options: RunOptions, { interruption }: ContainerSignals): Promise<RunningContainer> {
  try {
    const container = await engine.run({ ...options, signal: interruption.signal });
    if (interruption.error === undefined) return container;
    // The signal came in the last moment: it has killed a container that was about to run.
    if (options.detach === true) await container.kill('SIGKILL');
    await container.wait();
    throw interruption.error;
  } catch (error) {
    throw interruption.error ?? error;
  }
}

function openNew(file: string): number {
  try {
    return openSync(file, 'wx', 0o644);
  } catch (error) {
    throw wrapError(`write the id of the container to ${JSON.stringify(file)}, which must not be there`, error);
  }
}

/** Taken before anything is made; gone again when there is no id to write. */
class CidFile implements Disposable {
  readonly #file: string;
  readonly #fd: number;
  #isWritten = false;

  constructor(file: string) {
    this.#file = file;
    this.#fd = openNew(file);
  }

  write(id: string): void {
    writeSync(this.#fd, id);
    this.#isWritten = true;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    if (!this.#isWritten) rmSync(this.#file, { force: true });
  }
}
