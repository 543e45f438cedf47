import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { Network } from '@slipway/plugin-api';
import type { Law } from '../law.js';
import { attached, requestOf } from './container.js';
import { becomes, settled, untouched } from './leftovers.js';
import type { NetworkLaws } from './network-laws.js';

/** Whatever has become of what was made, it goes (law 4). */
export function detachLaws(law: Law<Network>, { use, rounds = 20 }: NetworkLaws): void {
  law('detach takes everything back; again, and of what never was, it does nothing', async ({ instance: network, root }) => {
    for (const name of ['a', 'b']) await network.create(name);
    const before = await settled(network, use(), root, ['a', 'b']);
    using namespace = use().namespace();
    await network.attach(requestOf('c', namespace, ['a', 'b']));
    await network.detach('c', { namespace: namespace.path });
    untouched(use(), namespace);
    await network.detach('c', { namespace: namespace.path });
    await network.detach('c');
    await network.detach('never');
    assert.deepEqual(await network.attachments('c'), []);
    await becomes(use(), root, before);
  });

  law('detach from one of two networks leaves the other as it was', async ({ instance: network }) => {
    for (const name of ['a', 'b']) await network.create(name);
    const other = await attached(network, use(), 'other', ['b']);
    const both = await attached(network, use(), 'c', ['a', 'b']);
    await network.detach('c', { network: 'a', namespace: both.namespace.path });
    await network.detach('c', { network: 'a', namespace: both.namespace.path });
    assert.deepEqual(await network.attachments('c'), both.attachments.slice(1));
    assert.deepEqual((await network.inspect('a')).attached, []);
    const port = await other.agent.serve('tcp', 'other');
    assert.match(await both.agent.asks({ protocol: 'tcp', host: other.address(), port }, /^other/), /^other/);
    const links = use().inside(both.namespace, 'ip', '-o', 'link', 'show').trim().split('\n');
    assert.equal(links.length, 2, links.join('\n'));
    await network.detach('c', { namespace: both.namespace.path });
    untouched(use(), both.namespace);
  });

  const damages: readonly (readonly [what: string, damage: (place: Damaged) => void])[] = [
    ['the namespace', ({ namespace }) => namespace.close()],
    ['the interface', ({ namespace, use: host }) => void host.inside(namespace, 'ip', 'link', 'delete', 'eth0')],
    ['the addresses', ({ namespace, use: host }) => void host.inside(namespace, 'ip', 'address', 'flush', 'dev', 'eth0')],
    ['the bridge', ({ bridge }) => void execFileSync('ip', ['link', 'delete', bridge])],
    ['all rules', () => void execFileSync('nft', ['flush', 'ruleset'])],
  ];
  for (const [what, damage] of damages) {
    law(`detach takes back what is left when ${what} went before`, async ({ instance: network, root }) => {
      await network.create('n', { subnets: [{ subnet: '10.99.0.0/30' }] });
      const before = await settled(network, use(), root, ['n']);
      const namespace = use().namespace();
      await network.attach(requestOf('c', namespace, ['n']));
      damage({ namespace, use: use(), bridge: (await network.inspect('n')).bridge ?? '' });
      await network.detach('c', { namespace: namespace.path });
      assert.deepEqual(await network.attachments('c'), []);
      // The only address is free, and all that went is made anew.
      const again = await attached(network, use(), 'again', ['n']);
      assert.equal(again.address(), '10.99.0.2');
      const gateway = again.attachments[0]?.gateways[0] ?? '';
      const port = await use().agent().serve('tcp', 'host');
      assert.match(await again.agent.asks({ protocol: 'tcp', host: gateway, port }, /^host/), /^host/);
      await again.agent[Symbol.asyncDispose]();
      await network.detach('again', { namespace: again.namespace.path });
      const { interfaces, addresses, files } = before;
      const after = use().state(root);
      assert.deepEqual(
        { interfaces: after.interfaces, addresses: after.addresses, files: after.files },
        { interfaces, addresses, files },
      );
    });
  }

  law('detach finds the namespace by itself where it still is', async ({ instance: network, root }) => {
    await network.create('n');
    const before = await settled(network, use(), root, ['n']);
    using namespace = use().namespace();
    await network.attach(requestOf('c', namespace, ['n']));
    await network.detach('c');
    await becomes(use(), root, before);
  });

  law(`${rounds} times attached and detached leave nothing`, async ({ instance: network, root }) => {
    await network.create('n');
    const before = await settled(network, use(), root, ['n']);
    let round = 0;
    // As many at once as keep a small machine busy.
    const lane = async (): Promise<void> => {
      while (round < rounds) {
        const id = round++;
        const namespace = use().namespace();
        await network.attach(requestOf(`c${id}`, namespace, ['n']));
        // Every other one is gone by then, as that of a container that has ended.
        if (id % 2 === 0) namespace.close();
        await network.detach(`c${id}`, { namespace: namespace.path });
        namespace.close();
      }
    };
    await Promise.all(Array.from({ length: 4 }, lane));
    await becomes(use(), root, before);
  });
}

interface Damaged {
  readonly namespace: ReturnType<ReturnType<NetworkLaws['use']>['namespace']>;
  readonly use: ReturnType<NetworkLaws['use']>;
  readonly bridge: string;
}
