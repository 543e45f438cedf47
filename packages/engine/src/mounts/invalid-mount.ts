import { SlipwayError } from '@slipway/plugin-api';

/** `invalid-argument` MOUNT_INVALID. */
export function invalidMount(target: string, found: string, hint?: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'MOUNT_INVALID',
    message: `mount at ${JSON.stringify(target)}: ${found}`,
    hint,
    details: { target },
  });
}

/** `failed-precondition`: this host, as it is now, has not what is to be mounted. */
export function unusableSource(
  code: string,
  target: string,
  source: string,
  found: string,
  hint?: string,
  cause?: unknown,
): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code,
    message: `mount ${JSON.stringify(source)} at ${JSON.stringify(target)}: ${found}`,
    hint,
    cause,
    details: { source, target },
  });
}
