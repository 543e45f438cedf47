import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { SlipwayError, wrapError } from '@slipway/plugin-api';

/** Whom the host asks; its own stub on 127.0.0.53 too, since whoever asks is in the host's network. */
export function hostNameservers(what: string): string[] {
  let text: string;
  try {
    text = readFileSync('/etc/resolv.conf', 'utf8');
  } catch (error) {
    throw wrapError(`${what}: read the host's resolvers`, error);
  }
  const found = [...text.matchAll(/^\s*nameserver\s+(\S+)\s*$/gm)].flatMap(([, address = '']) =>
    isIP(address) === 0 ? [] : [address],
  );
  if (found.length > 0) return found;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'EGRESS_NO_RESOLVER',
    message: `${what}: names are allowed, and "/etc/resolv.conf" of the host names nobody who could be asked for them`,
    hint: 'give nameservers (--dns), or allow addresses only',
  });
}
