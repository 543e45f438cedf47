import { isKind, type Runtime, type RuntimeState, SlipwayError } from '@slipway/plugin-api';
import type { ContainerRow } from '../metadata/containers.js';
import type { EngineParts } from '../settings.js';
import { containerById, type FoundContainer } from './find.js';

/** The plugin that made it, whatever the config says now. Errors: those of a plugin that is not there any more. */
export function runtimeOf(parts: Pick<EngineParts, 'runtimes'>, row: Pick<ContainerRow, 'runtime'>): Promise<Runtime> {
  return parts.runtimes.get(row.runtime);
}

export interface RunningNow extends FoundContainer {
  readonly runtime: Runtime;
  /** `running` or `paused`. */
  readonly state: RuntimeState;
}

/**
 * The container with its runtime, when its program runs as of now. Errors: `not-found`; `failed-precondition` with CONTAINER_NOT_RUNNING, and with
 * CONTAINER_PAUSED unless that is well too.
 */
export async function requireRunning(
  parts: EngineParts,
  id: string,
  options: { readonly pausedToo?: boolean | undefined } = {},
): Promise<RunningNow> {
  const container = containerById(parts, id);
  const runtime = await runtimeOf(parts, container.row);
  const state = await stateIfThere(runtime, id);
  if (state === undefined || (state.status !== 'running' && state.status !== 'paused'))
    throw notRunning(container, state?.status);
  if (state.status === 'paused' && options.pausedToo !== true) throw paused(container);
  return { ...container, runtime, state };
}

/** Undefined when the runtime has nothing of it: it was never started, or has ended and was cleaned up. */
export async function stateIfThere(runtime: Runtime, id: string): Promise<RuntimeState | undefined> {
  try {
    return await runtime.state(id);
  } catch (error) {
    if (isKind(error, 'not-found')) return undefined;
    throw error;
  }
}

export function notRunning({ id, row: { name } }: FoundContainer, status: string | undefined): SlipwayError {
  const waits = status === 'restarting';
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_NOT_RUNNING',
    message: `container ${JSON.stringify(name)} does not run${waits ? ': it waits to be restarted' : ''}`,
    hint: waits ? `try again when it runs, or stop it: slipway stop ${name}` : `slipway start ${name} starts it`,
    details: { id, name },
  });
}

export function paused({ id, row: { name } }: FoundContainer): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_PAUSED',
    message: `container ${JSON.stringify(name)} is paused`,
    hint: `slipway unpause ${name} lets it go on`,
    details: { id, name },
  });
}
