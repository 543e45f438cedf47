import type { PublishedPort } from '@slipway/plugin-api';
import { refusal } from '../errors.js';

/** Linux translates connections to 127.0.0.0/8 where a bridge may have them (route_localnet), and has nothing of the kind for IPv6. Errors: `unimplemented`. */
export function checkLoopback(what: string, ports: readonly PublishedPort[]): void {
  const port = ports.find(({ hostAddress }) => hostAddress === '::1');
  if (port === undefined) return;
  throw refusal(
    'unimplemented',
    'NETWORK_LOOPBACK6',
    `${what}: port ${port.hostPort}/${port.protocol} of "::1": the kernel cannot lead connections to that address into a container`,
    'publish it on 127.0.0.1, or on all addresses',
    { port: port.hostPort },
  );
}
