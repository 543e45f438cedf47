import { type ErrorKind, type RuntimeState, SlipwayError } from '@slipway/plugin-api';

function containerError(id: string, kind: ErrorKind, code: string, found: string, hint?: string, cause?: unknown): SlipwayError {
  return new SlipwayError({ kind, code, message: `container "${id}" ${found}`, hint, details: { id }, cause });
}

export function notFound(id: string): SlipwayError {
  return containerError(id, 'not-found', 'CONTAINER_NOT_FOUND', 'does not exist');
}

export function exited(id: string, cause?: unknown): SlipwayError {
  return containerError(id, 'not-found', 'CONTAINER_EXITED', 'has exited', undefined, cause);
}

export function exitUnknown(id: string): SlipwayError {
  return containerError(
    id,
    'data-loss',
    'EXIT_UNKNOWN',
    'has ended, and how is not known: its monitor was killed before',
    'the container itself was not touched; its exit status is lost',
  );
}

/** What is wanted needs a process that runs. */
export function notRunning(id: string, status: RuntimeState['status']): SlipwayError {
  const hints: Partial<Record<RuntimeState['status'], string>> = {
    paused: 'resume it first',
    created: 'start it first',
    stopped: 'start it again first',
    restarting: 'wait until it runs again',
  };
  return containerError(
    id,
    'failed-precondition',
    status === 'paused' ? 'CONTAINER_PAUSED' : 'CONTAINER_NOT_RUNNING',
    status === 'paused' ? 'is paused' : `is not running: found "${status}", expected "running"`,
    hints[status],
  );
}

export function notPaused(id: string, status: RuntimeState['status']): SlipwayError {
  return containerError(id, 'failed-precondition', 'CONTAINER_NOT_PAUSED', `is not paused: found "${status}"`);
}

export function noTerminal(what: string, cause: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_NO_TERMINAL',
    message: `${what} has no terminal to resize`,
    cause,
  });
}

/** Nobody serves its streams any more. */
export function unsupervised(id: string, wanted: string): SlipwayError {
  return containerError(
    id,
    'failed-precondition',
    'MONITOR_LOST',
    `cannot be ${wanted}: its monitor was killed`,
    'stop it and start it again: it has a monitor then',
  );
}

export function checkSignal(what: string, signal: number): void {
  if (Number.isInteger(signal) && signal >= 1 && signal <= 64) return;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'SIGNAL_INVALID',
    message: `${what}: signal ${signal}: expected a number from 1 to 64`,
  });
}
