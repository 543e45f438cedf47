import { isatty } from 'node:tty';
import type { Container, ContainerStreams } from '@slipway/plugin-api';
import { writeStream } from '../binary-output.js';
import type { Output } from '../output.js';
import type { ContainerSignals } from './container-signals.js';
import { forwardStream } from './input.js';
import { session } from './session.js';
import { followWindow, rawTerminal } from './terminal.js';

export interface AttachRequest {
  readonly stdin: boolean;
  readonly detachKeys: readonly number[];
  readonly sigProxy: boolean;
  readonly output: Output;
}

/** Our terminal, stdin and signals are the container's until it ends or is left. Gives the exit code. */
export async function attachContainer(
  container: Container,
  streams: ContainerStreams,
  signals: ContainerSignals,
  { stdin, detachKeys, sigProxy, output }: AttachRequest,
): Promise<number> {
  using attachment = new DisposableStack();
  const isRaw = stdin && streams.terminal && isatty(0);
  if (isRaw) attachment.use(rawTerminal(0));
  if (streams.terminal) attachment.use(followWindow(container, undefined));
  if (stdin && !isRaw && streams.stdin !== undefined) attachment.use(forwardStream(streams.stdin));
  const passed = Promise.all([writeStream(streams.stdout, 1), writeStream(streams.stderr, 2)]);
  const wait = async (): ReturnType<ContainerStreams['wait']> => {
    await passed;
    return await streams.wait();
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
