import { type ExitStatus, SlipwayError } from '@slipway/plugin-api';
import type { FoundContainer } from './find.js';
import type { ContainerState } from './state.js';

export function exitOf(container: FoundContainer, { exit, status }: ContainerState): ExitStatus {
  if (exit !== undefined) return exit;
  throw status === 'created' ? neverRan(container) : goneUnseen(container);
}

export function neverRan({ id, row: { name } }: FoundContainer): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_NEVER_RAN',
    message: `container ${JSON.stringify(name)} has not run yet, and so has no exit code`,
    hint: 'start it, or wait for its next exit',
    details: { id, name },
  });
}

export function goneUnseen({ id, row: { name } }: FoundContainer): SlipwayError {
  return new SlipwayError({
    kind: 'data-loss',
    code: 'EXIT_UNKNOWN',
    message: `container ${JSON.stringify(name)} has ended, and nobody saw how`,
    hint: 'its monitor was killed, the machine was restarted, or it was removed as it ended',
    details: { id, name },
  });
}
