import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import type { Network } from '@slipway/plugin-api';
import { allResults } from '../children/child-process.js';
import type { Law, LawContext } from '../law.js';
import { attached } from './container.js';
import type { HostState } from './host.js';
import { becomes, settled } from './leftovers.js';
import type { NetworkLaws } from './network-laws.js';
import type { AttachExtras, NetworkOperation } from './operator.js';

/** A host that comes clean after kill -9, by whoever comes next (law 5). */
export function crashLaws(law: Law<Network>, { use, steps = [], features }: NetworkLaws): void {
  const extras: AttachExtras = {
    later: 'kept',
    ...(features.firewall === 'none' ? {} : { port: 47_090 }),
    ...(features.egress ? { egress: 'listed.example' } : {}),
  };
  /** Namespaces that end with the process, and one that does not. */
  const work = (namespace: string): readonly NetworkOperation[] => [
    ['create', 'made'],
    ['attach', 'c', ['made'], extras],
    ['rename', 'c', 'other'],
    ['detach', 'c'],
    ['attach-there', 'there', ['kept'], namespace],
    ['cleanup', 'there', 'living'],
    ['detach', 'there'],
    ['remove', 'made'],
    ['cleanup', 'living'],
  ];

  for (const [index, step] of steps.entries()) {
    law(`after ${step}, ${index % 2 === 0 ? 'cleanup makes' : 'detach and cleanup make'} the host clean`, async (context) => {
      const before = await prepared(context);
      using namespace = use().namespace();
      const { signal, outcomes } = await context.start(work(namespace.path), { step, signal: 'SIGKILL' }).result;
      assert.equal(signal, 'SIGKILL', `the step "${step}" was not reached; the process said ${outcomes.join(', ')}`);
      await recovers(context, before, index % 2 === 1);
    });
  }

  law('at any moment of several processes leaves what detach and cleanup make clean', async (context) => {
    const before = await prepared(context);
    for (let round = 0; round < 5; round++) {
      const children = [0, 1].map(() => context.start<NetworkOperation>([['storm', 'kept', 100_000]]));
      await Promise.all(children.map((child) => child.said(1)));
      await setTimeout(Math.random() * 200);
      for (const child of children) child.kill('SIGKILL');
      await allResults(children);
      await recovers(context, before, round % 2 === 0);
    }
  });

  async function prepared({ instance: network, root }: LawContext<Network>): Promise<HostState> {
    await network.create('kept', { subnets: [{ subnet: '10.99.0.0/28' }] });
    return await settled(network, use(), root, ['kept']);
  }

  /** By one that opens it then, as the next process does. */
  async function recovers({ open, root }: LawContext<Network>, before: HostState, byDetach: boolean): Promise<void> {
    await using reopened = await open();
    const { instance: network } = reopened;
    if (byDetach) for (const id of ['c', 'there', ...(await attachedIds(network))]) await network.detach(id);
    else await network.cleanup(new Set(['living']));
    const isMade = (await network.list()).some(({ name }) => name === 'made');
    if (isMade) await network.remove('made');
    else {
      // Killed in the midst of its removal.
      await network.create('made');
      await network.remove('made');
    }
    await network.cleanup(new Set());
    await becomes(use(), root, before);
    const again = await attached(network, use(), 'c', ['kept']);
    const gateway = again.attachments[0]?.gateways[0] ?? '';
    const server = use().agent();
    const port = await server.serve('tcp', 'host');
    assert.match(await again.agent.asks({ protocol: 'tcp', host: gateway, port }, /^host/), /^host/);
    for (const agent of [server, again.agent]) await agent[Symbol.asyncDispose]();
    await network.detach('c', { namespace: again.namespace.path });
    again.namespace.close();
    await becomes(use(), root, before);
  }
}

async function attachedIds(network: Network): Promise<readonly string[]> {
  return (await network.list()).flatMap(({ attached: all }) => all.map(({ id }) => id));
}
