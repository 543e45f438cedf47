import type { Attachment, AttachOptions, ContainerStreams, ExitStatus, TerminalSize } from '@slipway/plugin-api';
import { step } from '@slipway/plugin-api';
import { emitOfContainer } from '../events/emit.js';
import type { EngineParts } from '../settings.js';
import { containerById } from './find.js';
import { notRunning, requireRunning, runtimeOf, stateIfThere } from './runtime-of.js';

/** Also of one that is created and not started, which who starts it attaches to first, or that waits to be restarted. */
export async function attachToContainer(parts: EngineParts, id: string, options: AttachOptions): Promise<ContainerStreams> {
  const container = containerById(parts, id);
  const runtime = await runtimeOf(parts, container.row);
  const state = await stateIfThere(runtime, id);
  if (state === undefined || state.status === 'stopped') throw notRunning(container, undefined);
  const { stdin = false, stdout = true, stderr = true, signal } = options;
  const attachment = await runtime.attach(id, { stdin, stdout, stderr, signal });
  step('container.attached', { id });
  emitOfContainer(parts, 'attach', container);
  return streamsOf(attachment);
}

function streamsOf(attachment: Attachment): ContainerStreams {
  const { terminal, stdin, stdout, stderr } = attachment;
  return {
    terminal,
    stdin,
    stdout,
    stderr,
    wait: (): Promise<ExitStatus> => attachment.ended,
    [Symbol.asyncDispose]: () => attachment[Symbol.asyncDispose](),
  };
}

export async function resizeContainer(parts: EngineParts, id: string, size: TerminalSize): Promise<void> {
  (await import('./option-types.js')).checkTypes('resize', size);
  const { runtime } = await requireRunning(parts, id, { pausedToo: true });
  await runtime.resize(id, size);
}
