import type { AttachNetworksRequest, JoinNetwork, Network, NetworkAttachment } from '@slipway/plugin-api';
import type { Agent } from './agent.js';
import type { TestHost, TestNamespace } from './host.js';

/** A namespace that is attached, with a process in it. */
export interface TestContainer {
  readonly id: string;
  readonly namespace: TestNamespace;
  readonly agent: Agent;
  readonly attachments: readonly NetworkAttachment[];
  /** Its first address of that family, without the prefix length; of the first network, or of that one. */
  address(family?: 4 | 6, network?: string): string;
}

export type ContainerRequest = Partial<Omit<AttachNetworksRequest, 'id' | 'namespace' | 'networks'>> & {
  readonly namespace?: TestNamespace | undefined;
};

/** Attaches a new namespace. `networks` are names, or say more. */
export async function attached(
  network: Network,
  host: TestHost,
  id: string,
  networks: readonly (string | JoinNetwork)[],
  { namespace = host.namespace(), ...request }: ContainerRequest = {},
): Promise<TestContainer> {
  const attachments = await network.attach(requestOf(id, namespace, networks, request));
  return {
    id,
    namespace,
    agent: host.agent(namespace),
    attachments,
    address(family = 4, of = attachments[0]?.network ?? '') {
      const addresses = attachments.find((each) => each.network === of)?.addresses ?? [];
      const found = addresses.find((address) => address.includes(':') === (family === 6));
      if (found === undefined) throw new Error(`"${id}" has no IPv${family} address in "${of}": ${addresses.join(', ')}`);
      return found.replace(/\/.*$/, '');
    },
  };
}

export function requestOf(
  id: string,
  namespace: TestNamespace,
  networks: readonly (string | JoinNetwork)[],
  rest: Partial<AttachNetworksRequest> = {},
): AttachNetworksRequest {
  return {
    names: [id],
    ...rest,
    id,
    namespace: namespace.path,
    networks: networks.map((join) => (typeof join === 'string' ? { network: join } : join)),
  };
}
