import { SlipwayError } from '@slipway/plugin-api';
import type { NetworkNamespace } from './namespace.js';
import type { NetworkInterface } from './namespace-network.js';

/** Kept by the kernel for each namespace; a kernel without IPv6 has no such settings. */
const noRouters = 'cd /proc/sys/net/ipv6/conf 2>/dev/null || exit 0; for name; do echo 0 > "$name/accept_ra" || exit; done';

const nameOf = (index: number): string => `tap${index}_kata`;

/**
 * Makes a tap device for each interface, and leads all that comes in at the one out at the other. What the namespace has stays: addresses, so that others find them there; nothing that comes
 * in gets to it any more. Names of the devices, in order.
 */
export async function makeTaps(
  id: string,
  namespace: NetworkNamespace,
  interfaces: readonly NetworkInterface[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  if (interfaces.some(({ name }) => name.endsWith('_kata'))) throw taken(id);
  const pairs = interfaces.map(({ name, mtu }, index) => ({ name, mtu, tap: nameOf(index) }));
  // Without an address of its own the kernel says nothing by a tap device, nor by an interface that waits for no router.
  const devices = pairs.flatMap(({ tap, mtu }) => [
    `tuntap add dev ${tap} mode tap vnet_hdr`,
    `link set dev ${tap} addrgenmode none`,
    `link set dev ${tap} mtu ${mtu} up`,
  ]);
  await namespace.run('ip', ['-batch', '-'], { input: lines(devices), signal });
  await namespace.run('sh', ['-c', noRouters, 'sh', ...interfaces.map(({ name }) => name)], { signal });
  const redirections = pairs.flatMap(({ name, tap }) => [...redirection(name, tap), ...redirection(tap, name)]);
  await namespace.run('tc', ['-batch', '-'], { input: lines(redirections), signal });
  return pairs.map(({ tap }) => tap);
}

/** By u32, which every kernel has that has filters of traffic; matchall came later. */
function redirection(from: string, to: string): readonly string[] {
  return [
    `qdisc add dev ${from} ingress`,
    `filter add dev ${from} parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev ${to}`,
  ];
}

function lines(commands: readonly string[]): string {
  return `${commands.join('\n')}\n`;
}

function taken(id: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'MACHINE_NETWORK_TAKEN',
    message: `container "${id}": the network namespace of its config.json leads into a virtual machine already`,
    hint: 'make a network namespace for each container',
    details: { id },
  });
}
