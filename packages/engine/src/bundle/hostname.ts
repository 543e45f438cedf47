import type { ContainerSettings } from '@slipway/plugin-api';
import type { HostFacts } from './host-facts.js';
import { invalid, quote } from './invalid.js';
import type { Isolation } from './isolation.js';

/**
 * In the host's network programs look their own host name up, so it is the host's; else, as with Docker, the id's beginning.
 * Errors: `HOSTNAME_INVALID`.
 */
export function chooseHostname(
  id: string,
  { hostname }: Pick<ContainerSettings, 'hostname'>,
  { network, uts }: Pick<Isolation, 'network' | 'uts'>,
  host: Pick<HostFacts, 'hostname'>,
): string {
  if (hostname === undefined) return network === 'host' || uts === 'host' ? host.hostname : id.slice(0, 12).replace(/[.-]+$/, '');
  if (uts === 'host')
    throw invalid('HOSTNAME_INVALID', `Host name ${quote(hostname)} cannot be set for a container that has the host's`, {
      hint: 'leave out --hostname or --uts host',
    });
  return parseHostname(hostname);
}

/** What sethostname(2) takes, and a shell prompt and a resolver can stand. Errors: `HOSTNAME_INVALID`. */
export function parseHostname(text: string): string {
  if (text.length > 64 || !/^[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_])?$/.test(text)) {
    throw invalid(
      'HOSTNAME_INVALID',
      `Host name ${quote(text)} is not 1 to 64 of a-z, A-Z, 0-9, "_", "." and "-", with no "." or "-" at its ends`,
    );
  }
  return text;
}
