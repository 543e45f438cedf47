import { closeSync } from 'node:fs';
import { linux } from '@slipway/linux';
import type { Network } from '@slipway/plugin-api';
import type { Operate } from '../children/child-process.js';

/** What it is attached with beside networks. */
export interface AttachExtras {
  readonly port?: number;
  /** A name that it may connect to. */
  readonly egress?: string;
  /** A network that it joins after. */
  readonly later?: string;
}

/** What a child process does. It inherits the network of its parent: the host of the law. */
export type NetworkOperation =
  | readonly ['create', name: string]
  | readonly ['remove', name: string]
  /** In a new namespace, which lives as long as the process. Says its addresses. */
  | readonly ['attach', id: string, networks: readonly string[], extras?: AttachExtras]
  /** In a namespace of another process. */
  | readonly ['attach-there', id: string, networks: readonly string[], namespace: string]
  | readonly ['detach', id: string]
  /** This many at once, named after the process; says all their addresses. */
  | readonly ['crowd', network: string, count: number]
  /** Attaches and detaches this many times. */
  | readonly ['storm', network: string, times: number]
  | readonly ['rename', id: string, name: string]
  | readonly ['cleanup', ...living: readonly string[]];

export const operate: Operate<Network, NetworkOperation> = async (network, operation, say) => {
  switch (operation[0]) {
    case 'create':
      await network.create(operation[1]);
      return undefined;
    case 'remove':
      await network.remove(operation[1]);
      return undefined;
    case 'attach': {
      const [, id, networks, extras] = operation;
      return await attach(network, id, networks, extras);
    }
    case 'attach-there': {
      const [, id, networks, namespace] = operation;
      await network.attach({ id, namespace, networks: networks.map((name) => ({ network: name })), names: [id] });
      return undefined;
    }
    case 'detach':
      await network.detach(operation[1]);
      return undefined;
    case 'crowd': {
      const [, name, count] = operation;
      const ids = Array.from({ length: count }, (_, index) => `p${process.pid}-${index}`);
      return (await Promise.all(ids.map((id) => attach(network, id, [name])))).join(' ');
    }
    case 'storm': {
      const [, name, times] = operation;
      for (let round = 0; round < times; round++) {
        const id = `p${process.pid}-${round}`;
        say(await attach(network, id, [name]));
        await network.detach(id);
      }
      return undefined;
    }
    case 'rename':
      await network.rename(operation[1], [operation[2]]);
      return undefined;
    case 'cleanup':
      await network.cleanup(new Set(operation.slice(1)));
      return undefined;
  }
};

/** Of containers that have ended: nobody has the namespace any more. */
async function attach(
  network: Network,
  id: string,
  networks: readonly string[],
  { port, egress, later }: AttachExtras = {},
): Promise<string> {
  const namespace = linux.createNetworkNamespace();
  try {
    const attachments = await network.attach({
      id,
      namespace: `/proc/self/fd/${namespace}`,
      networks: networks.map((name) => ({ network: name })),
      names: [id],
      ...(port === undefined ? {} : { ports: [{ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: port, containerPort: 80 }] }),
      ...(egress === undefined ? {} : { egress: { allow: [{ host: egress, port: 443 }] } }),
    });
    if (later !== undefined) {
      await network.attach({ id, namespace: `/proc/self/fd/${namespace}`, networks: [{ network: later }], names: [id] });
    }
    return attachments.flatMap(({ addresses }) => addresses).join(' ');
  } finally {
    closeSync(namespace);
  }
}
