import { SlipwayError } from '@slipway/plugin-api';

export function familyMissing(container: string, hostAddress: string): SlipwayError {
  const family = hostAddress.includes(':') ? 'IPv6' : 'IPv4';
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'PORT_FAMILY_MISSING',
    message: `a port of ${JSON.stringify(hostAddress)} cannot be passed on to container ${JSON.stringify(container)}: it has no ${family} address`,
    hint: `put a network with ${family} first${family === 'IPv6' ? ': slipway network create --ipv6 NAME' : ''}`,
    details: { container, hostAddress },
  });
}

/** It has the host's network, or another container's. */
export function sharedNetwork(container: string, kind: 'host' | 'container'): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'NETWORK_SHARED',
    message: `container ${JSON.stringify(container)} has ${kind === 'host' ? "the host's network" : "another container's network"}, and joins no other`,
    hint: 'make it anew with networks of its own',
    details: { container },
  });
}

/** The network of a virtual machine is what it was made with; nothing of this host's is in it. */
export function machineNetwork(container: string, what: string, hint: string): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'MACHINE_NETWORK',
    message: `container ${JSON.stringify(container)} is in a virtual machine: ${what}`,
    hint,
    details: { container },
  });
}

export function alreadyConnected(network: string, container: string): SlipwayError {
  return new SlipwayError({
    kind: 'already-exists',
    code: 'NETWORK_CONNECTED',
    message: `container ${JSON.stringify(container)} has network ${JSON.stringify(network)} already`,
    details: { network, container },
  });
}

export function notConnected(network: string, container: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'NETWORK_NOT_CONNECTED',
    message: `container ${JSON.stringify(container)} does not have network ${JSON.stringify(network)}`,
    hint: `slipway inspect ${container} shows those it has`,
    details: { network, container },
  });
}

export function networkInUse(network: string, containers: readonly string[]): SlipwayError {
  const named = containers.map((name) => JSON.stringify(name)).join(', ');
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'NETWORK_IN_USE',
    message: `remove network ${JSON.stringify(network)}: container ${named} has it`,
    hint: `slipway network disconnect ${network} ${containers[0] ?? ''} takes it away, or slipway rm removes the container`,
    details: { network, containers },
  });
}
