import { SlipwayError } from '@slipway/plugin-api';

/** What was asked for cannot be, whatever this host is like. */
export function invalidNetwork(what: string, found: unknown, expected: string, hint?: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'CONTAINER_OPTION_INVALID',
    message: `${what} of a container is ${JSON.stringify(found)}, expected ${expected}`,
    ...(hint === undefined ? {} : { hint }),
    details: { option: what },
  });
}

/** Two of its settings that exclude each other. */
export function networkConflict(message: string, hint: string): SlipwayError {
  return new SlipwayError({ kind: 'invalid-argument', code: 'CONTAINER_OPTIONS_CONFLICT', message, hint });
}
