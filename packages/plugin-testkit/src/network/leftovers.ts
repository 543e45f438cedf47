import assert from 'node:assert/strict';
import type { Network } from '@slipway/plugin-api';
import { requestOf } from './container.js';
import type { HostState, TestHost } from './host.js';

/**
 * What is there when networks have been used and nobody is attached: what is made once and for all (a bridge, chains without rules) is no leftover.
 */
export async function settled(network: Network, host: TestHost, root: string, networks: readonly string[]): Promise<HostState> {
  using namespace = host.namespace();
  const port = { protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 47_000, containerPort: 80 } as const;
  const { firewall, egress, names } = await network.features();
  const rest = {
    ...(firewall === 'none' ? {} : { ports: [port] }),
    ...(egress ? { egress: { allow: [{ host: '192.0.2.1', port: 80 }] } } : {}),
  };
  // A resolver of a container's own is made for nameservers of its own.
  for (const more of names ? [rest, { nameservers: ['192.0.2.1'] }] : [rest]) {
    await network.attach(requestOf('settles', namespace, networks, more));
    await network.detach('settles', { namespace: namespace.path });
  }
  await network.cleanup(new Set());
  return host.state(root);
}

/** Interfaces of a namespace that is gone go a moment after it; so do processes that were told to end. */
export async function becomes(host: TestHost, root: string, expected: HostState): Promise<void> {
  // A look is five processes: after some it is left longer alone. Only the pauses count, six seconds in all, so that a busy machine has longer.
  for (let [waitedMs, pauseMs] = [0, 20]; waitedMs < 6000; waitedMs += pauseMs, pauseMs = Math.min(pauseMs * 1.3, 250)) {
    try {
      assert.deepEqual(host.state(root), expected);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
  assert.deepEqual(host.state(root), expected);
}

/** Nothing of what was done to this namespace is left in it. */
export function untouched(host: TestHost, namespace: Parameters<TestHost['inside']>[0]): void {
  const links = host.inside(namespace, 'ip', '-o', 'link', 'show').trim().split('\n');
  assert.equal(links.length, 1, links.join('\n'));
}
