import type { CreateRequest, RuntimeSpec } from '@slipway/plugin-api';
import type { MachineSettings } from '../machine-settings.js';
import type { PlanStep } from '../plan.js';
import { cannot } from '../refusal.js';
import { NetworkNamespace } from './namespace.js';
import { readNetwork } from './namespace-network.js';
import { networkCalls } from './network-calls.js';
import { makeTaps } from './taps.js';

export interface GuestNetwork {
  readonly interfaces: MachineSettings['interfaces'];
  /** For the agent, before the container is made. */
  readonly calls: readonly PlanStep[];
}

const none: GuestNetwork = { interfaces: [], calls: [] };

/**
 * The network namespace of config.json, with all that has been set up in it by then, becomes the guest's network. Nobody else may be in it: its packets are led away from it. Errors:
 * `unimplemented` for another container's or the host's, and for what machines cannot be given; `failed-precondition`.
 */
export async function guestNetwork(
  { id, attachments, signal }: Pick<CreateRequest, 'id' | 'attachments' | 'signal'>,
  { linux: { namespaces } }: RuntimeSpec,
): Promise<GuestNetwork> {
  const path = namespaces.find(({ type }) => type === 'network')?.path;
  if (path === undefined) return none;
  using namespace = new NetworkNamespace(path, attachments);
  if (namespace.processes().length > 0)
    throw cannot(
      id,
      'a network that processes of the host have cannot be led into a virtual machine',
      'give it networks of its own (--network bridge), or none',
    );
  const network = await readNetwork(id, namespace, signal);
  if (network.interfaces.length === 0) return none;
  const taps = await makeTaps(id, namespace, network.interfaces, signal);
  return {
    interfaces: network.interfaces.map(({ mac }, index) => ({ mac, namespace: path, tap: taps[index] ?? '' })),
    calls: networkCalls(network),
  };
}
