import { SlipwayError } from '@slipway/plugin-api';

/** What a container in a machine of its own cannot have. */
export function cannot(id: string, what: string, hint: string): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'MACHINE_UNSUPPORTED',
    message: `container "${id}": ${what}`,
    hint,
    details: { id },
  });
}
