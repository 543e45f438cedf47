import type { Container, ContainerStreams } from '@slipway/plugin-api';
import { writeStream } from '../binary-output.js';
import type { GlobalOptions } from '../command.js';
import { isTerminal } from '../is-terminal.js';
import type { Output } from '../output.js';
import type { ContainerSignals } from './container-signals.js';
import { forwardStream } from './input.js';
import { OutOfMemory } from './out-of-memory.js';
import { session } from './session.js';
import { followWindow, rawTerminal } from './terminal.js';

export interface AttachRequest {
  readonly stdin: boolean;
  readonly detachKeys: readonly number[];
  readonly sigProxy: boolean;
  readonly output: Output;
  readonly global: GlobalOptions;
}

/** Our terminal, stdin and signals are the container's until it ends or is left. Gives the exit code. */
export async function attachContainer(
  container: Container,
  streams: ContainerStreams,
  signals: ContainerSignals,
  { stdin, detachKeys, sigProxy, output, global }: AttachRequest,
): Promise<number> {
  using outOfMemory = new OutOfMemory(global, output);
  using attachment = new DisposableStack();
  const isRaw = stdin && streams.terminal && isTerminal(0);
  if (isRaw) attachment.use(rawTerminal(0));
  if (streams.terminal) attachment.use(followWindow(container, undefined));
  if (stdin && !isRaw && streams.stdin !== undefined) attachment.use(forwardStream(streams.stdin));
  const passed = Promise.all([writeStream(streams.stdout, 1), writeStream(streams.stderr, 2)]);
  const wait = async (): ReturnType<ContainerStreams['wait']> => {
    await passed;
    const status = await streams.wait();
    if (status.oomKilled === true) outOfMemory.note(status, container, await memoryLimit(container));
    return status;
  };
  const code = session(
    {
      stdin: isRaw ? streams.stdin : undefined,
      wait,
      kill: (signal) => container.kill(signal),
      resize: (size) => container.resize(size),
      leave: async () => streams[Symbol.asyncDispose](),
    },
    signals,
    { detachKeys, sigProxy, output, isInPipeline: false },
  );
  return await code;
}

/** Undefined also where it was removed at its end. */
export async function memoryLimit(container: Container): Promise<number | undefined> {
  try {
    return (await container.inspect()).settings.limits?.memory;
  } catch {
    return undefined;
  }
}
