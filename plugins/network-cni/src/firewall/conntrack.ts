import type { PublishedPort } from '@slipway/plugin-api';
import { isVersion6, nftAddress, nftPort } from './nft.js';
import { findTool, runTool, toolFailed } from './run-tool.js';

/**
 * Forgets the flows of UDP to these ports of the host: a flow that is known goes where it went before, whatever rules say now, for as long as its sender goes on.
 * Without the program conntrack they end by themselves, half a minute after their last packet.
 */
export async function forgetUdp(what: string, hostPorts: readonly Pick<PublishedPort, 'protocol' | 'hostPort'>[]): Promise<void> {
  const ports = new Set(hostPorts.filter(({ protocol }) => protocol === 'udp').map(({ hostPort }) => nftPort(hostPort)));
  if (ports.size === 0 || findTool('conntrack') === undefined) return;
  for (const port of ports) {
    for (const family of ['ipv4', 'ipv6']) await forget(what, ['-D', '-f', family, '-p', 'udp', '--orig-port-dst', port]);
  }
}

/** Forgets every flow from and to an address, so that none of who had it before goes on. Errors: `failed-precondition` without the program. */
export async function forgetAddress(what: string, address: string): Promise<void> {
  const family = isVersion6(address) ? 'ipv6' : 'ipv4';
  const directions = ['--orig-src', '--orig-dst', '--reply-src', '--reply-dst'];
  await Promise.all(directions.map((direction) => forget(what, ['-D', '-f', family, direction, nftAddress(address)])));
}

const maxTries = 20;

async function forget(what: string, args: readonly string[]): Promise<void> {
  for (let tries = 1; ; tries++) {
    const result = await runTool(what, 'conntrack', args);
    // It ends with 1 where there was nothing to forget.
    if (result.code === 0 || / 0 flow entries/.test(result.errors)) return;
    // It lists flows and deletes one after the other; at one that has ended in between it stops.
    if (tries === maxTries || !/such conntrack doesn't exist/.test(result.errors)) throw toolFailed(what, 'conntrack', result);
  }
}
