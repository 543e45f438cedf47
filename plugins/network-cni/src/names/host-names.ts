import { isIP } from 'node:net';
import { SlipwayError } from '@slipway/plugin-api';

const label = /^[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?$/;

/** Names that DNS can carry and a line of a hosts file can hold: labels of letters, digits, `_` and `-`, 253 bytes in all. An address is none. */
export function isHostName(name: string): boolean {
  return name.length <= 253 && isIP(name) === 0 && name.split('.').every((part) => label.test(part));
}

/** Errors: `invalid-argument`. */
export function checkedHostName(what: string, name: string): string {
  if (isHostName(name)) return name;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'NETWORK_HOST_NAME_INVALID',
    message: `${what}: ${JSON.stringify(name.slice(0, 300))} is no name of a host`,
    hint: 'a name is of letters, digits, "_" and "-", in parts of 1 to 63 bytes with dots between them',
    details: { name: name.slice(0, 300) },
  });
}
