import { SlipwayError } from '@slipway/plugin-api';

export const usageCode = 'USAGE';

/** The command line itself is wrong. */
export function usageError(command: string, message: string, hint?: string): SlipwayError {
  const help = `slipway ${command === '' ? '' : `${command} `}--help`;
  return new SlipwayError({
    kind: 'invalid-argument',
    code: usageCode,
    message,
    hint: hint === undefined ? `see ${help}` : `${hint}; see ${help}`,
  });
}
