import { quote } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';

/** Throws for what must become neither an argument nor a path. */
export function checkId(id: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/.test(id)) return;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'CONTAINER_ID_INVALID',
    message: `container id ${quote(String(id))}: expected 1 to 64 of a-z, A-Z, 0-9, "_", "." and "-", beginning with a letter or digit`,
    details: { id },
  });
}
