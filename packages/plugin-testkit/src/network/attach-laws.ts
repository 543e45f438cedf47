import assert from 'node:assert/strict';
import type { Network } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { attached, requestOf, type TestContainer } from './container.js';
import type { TestHost } from './host.js';
import type { NetworkLaws } from './network-laws.js';

/** What somebody attached has (laws 2, 3 and 6), in the namespace and on the wire. */
export function attachLaws(law: Law<Network>, { use, module, reboot, features }: NetworkLaws): void {
  const families = features.ipv6 ? ([4, 6] as const) : ([4] as const);

  law('those of one network reach each other, and have what was said', async ({ instance: network }) => {
    await network.create('n', { ipv6: features.ipv6, mtu: 1400 });
    const one = await attached(network, use(), 'one', ['n']);
    const two = await attached(network, use(), 'two', ['n']);
    for (const each of [one, two]) looksAsSaid(use(), each, 0, 1400);
    const { subnets } = await network.inspect('n');
    assert.deepEqual([...(one.attachments[0]?.gateways ?? [])].sort(), subnets.map(({ gateway }) => gateway).sort());
    for (const protocol of ['tcp', 'udp'] as const) {
      const port = await two.agent.serve(protocol, 'two');
      for (const family of families) {
        const answer = await one.agent.asks({ protocol, host: two.address(family), port }, /^two/);
        assert.equal(answer, `two ${one.address(family)}`);
      }
    }
  });

  law('what one packet of full size needs, the MTU says', async ({ instance: network }) => {
    await network.create('n', { mtu: 1300 });
    const one = await attached(network, use(), 'one', ['n']);
    const two = await attached(network, use(), 'two', ['n']);
    const port = await two.agent.serve('tcp', 'two');
    await one.agent.asks({ protocol: 'tcp', host: two.address(), port }, /^two/);
    assert.match(use().inside(one.namespace, 'ip', 'link', 'show', 'eth0'), /mtu 1300 /);
    assert.equal(one.attachments[0]?.mtu, 1300);
  });

  law('the first of two networks has the default route, and each its own interface, in order', async ({ instance: network }) => {
    for (const name of ['a', 'b']) await network.create(name);
    const other = await attached(network, use(), 'other', ['a']);
    const both = await attached(network, use(), 'both', ['b', 'a']);
    assert.deepEqual(
      both.attachments.map((each) => [each.network, each.interface]),
      [
        ['b', 'eth0'],
        ['a', 'eth1'],
      ],
    );
    for (const index of [0, 1]) looksAsSaid(use(), both, index);
    const routes = use().inside(both.namespace, 'ip', 'route', 'show', 'default').trim().split('\n');
    assert.equal(routes.length, 1, routes.join('\n'));
    assert.match(routes[0] ?? '', new RegExp(`via ${both.attachments[0]?.gateways[0]} dev eth0`));
    const port = await other.agent.serve('tcp', 'other');
    assert.equal(
      await both.agent.asks({ protocol: 'tcp', host: other.address(), port }, /^other/),
      `other ${both.address(4, 'a')}`,
    );
  });

  law(
    'one that is attached joins another network, whose interface comes after those that are there',
    async ({ instance: network }) => {
      for (const name of ['a', 'b']) await network.create(name);
      const first = await attached(network, use(), 'c', ['a']);
      const [second] = await network.attach(requestOf('c', first.namespace, ['b']));
      assert.equal(second?.interface, 'eth1');
      assert.deepEqual(await network.attachments('c'), [...first.attachments, second]);
      looksAsSaid(use(), { ...first, attachments: await network.attachments('c') }, 1);
    },
  );

  law('a fixed address and a fixed MAC address are had, and told', async ({ instance: network }) => {
    await network.create('n', { subnets: [{ subnet: '10.99.0.0/24' }, ...(features.ipv6 ? [{ subnet: 'fd00:99::/64' }] : [])] });
    const addresses = ['10.99.0.77', ...(features.ipv6 ? ['fd00:99::77'] : [])];
    const fixed = await attached(network, use(), 'c', [{ network: 'n', addresses, mac: '02:42:AC:11:00:02' }]);
    assert.equal(fixed.attachments[0]?.mac, '02:42:ac:11:00:02');
    assert.deepEqual(
      families.map((family) => fixed.address(family)),
      addresses,
    );
    looksAsSaid(use(), fixed, 0);
  });

  law('addresses come out of the range alone', async ({ instance: network }) => {
    await network.create('n', { subnets: [{ subnet: '10.99.0.0/24', range: '10.99.0.64/30' }] });
    for (const id of ['one', 'two', 'three']) {
      const { attachments } = await attached(network, use(), id, ['n']);
      assert.match(attachments[0]?.addresses[0] ?? '', /^10\.99\.0\.6[4567]\/24$/);
    }
  });

  law('the default route leads out, and back: servers elsewhere see the host', async ({ instance: network }) => {
    const outside = use().outside();
    const server = use().agent(outside);
    await network.create('n', { ipv6: features.ipv6 });
    const one = await attached(network, use(), 'one', ['n']);
    for (const protocol of ['tcp', 'udp'] as const) {
      const port = await server.serve(protocol, 'outside');
      for (const family of families) {
        const answer = await one.agent.asks({ protocol, host: outside.addresses[family], port }, /^outside/);
        assert.equal(answer, `outside ${outside.host[family]}`);
      }
    }
  });

  law('an internal network leads nowhere else, and has no default route', async ({ instance: network }) => {
    const outside = use().outside();
    const server = use().agent(outside);
    const port = await server.serve('tcp', 'outside');
    // Counts what it cannot answer, too.
    await server.serve('udp', 'outside', port);
    await network.create('n', { internal: true });
    const one = await attached(network, use(), 'one', ['n']);
    const two = await attached(network, use(), 'two', ['n']);
    assert.deepEqual(one.attachments[0]?.gateways, []);
    assert.equal(use().inside(one.namespace, 'ip', 'route', 'show', 'default'), '');
    const near = await two.agent.serve('tcp', 'two');
    assert.match(await one.agent.asks({ protocol: 'tcp', host: two.address(), port: near }, /^two/), /^two/);
    // A route of its own helps nobody.
    const gateway = (await network.inspect('n')).subnets[0]?.gateway ?? '';
    use().inside(one.namespace, 'ip', 'route', 'add', 'default', 'via', gateway);
    for (const protocol of ['tcp', 'udp'] as const) {
      await one.agent.ask({ protocol, host: outside.addresses[4], port, timeoutMs: 500 });
    }
    assert.deepEqual(await server.seen(), []);
  });

  law(
    'those of different networks have different subnets, and the same name means each its own',
    async ({ instance: network }) => {
      for (const name of ['a', 'b']) await network.create(name);
      const [a, b] = [await attached(network, use(), 'one', ['a']), await attached(network, use(), 'two', ['b'])];
      assert.notEqual(a.address(), b.address());
      assert.notDeepEqual((await network.inspect('a')).subnets, (await network.inspect('b')).subnets);
    },
  );

  law(
    'those of different networks do not reach each other, also where a route of their own leads there',
    async ({ instance: network }) => {
      for (const name of ['a', 'b']) await network.create(name, { ipv6: features.ipv6 });
      await network.create('inner', { ipv6: features.ipv6, internal: true });
      const names = ['a', 'b', 'inner'] as const;
      const all = await Promise.all(names.map((name) => attached(network, use(), name, [name])));
      const [port, peer] = [47_300, await attached(network, use(), 'peer', ['b'])];
      for (const { agent } of all) for (const protocol of ['tcp', 'udp'] as const) await agent.serve(protocol, 'one', port);
      for (const { subnets } of [await network.inspect('inner')]) {
        for (const { gateway = '' } of subnets) {
          const family = gateway.includes(':') ? '-6' : '-4';
          use().inside(all[2]?.namespace ?? peer.namespace, 'ip', family, 'route', 'add', 'default', 'via', gateway);
        }
      }
      const asks = all.flatMap((from) =>
        all
          .filter((to) => to !== from)
          .flatMap((to) =>
            families.flatMap((family) =>
              (['tcp', 'udp'] as const).map((protocol) =>
                from.agent.ask({ protocol, host: to.address(family), port, timeoutMs: 500 }),
              ),
            ),
          ),
      );
      for (const answer of await Promise.all(asks)) assert.doesNotMatch(answer, /^one/);
      for (const { agent } of all) assert.deepEqual(await agent.seen(), []);
      const near = { protocol: 'tcp', host: all[1]?.address() ?? '', port } as const;
      assert.match(await peer.agent.asks(near, /^one/), /^one/);
    },
  );

  law('twenty that attach at once get addresses and interfaces of their own', async ({ instance: network }) => {
    await network.create('n');
    const namespaces = Array.from({ length: 20 }, () => use().namespace());
    const all = await Promise.all(namespaces.map((namespace, index) => network.attach(requestOf(`c${index}`, namespace, ['n']))));
    const attachments = all.flat();
    for (const of of ['addresses', 'mac', 'hostInterface'] as const) {
      assert.equal(new Set(attachments.map((each) => String(each[of]))).size, 20, of);
    }
    await Promise.all(namespaces.map((namespace, index) => network.detach(`c${index}`, { namespace: namespace.path })));
    assert.deepEqual((await network.inspect('n')).attached, []);
  });

  law('of two that attach one id at once to one network, one does', async ({ instance: network }) => {
    await network.create('n');
    using namespace = use().namespace();
    const results = await Promise.allSettled([0, 1].map(() => network.attach(requestOf('c', namespace, ['n']))));
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    await expectKind(network.attach(requestOf('c', namespace, ['n'])), 'already-exists');
    assert.equal((await network.attachments('c')).length, 1);
  });

  law('attachments are told as attach told them, in order; of nobody there are none', async ({ instance: network, open }) => {
    for (const name of ['a', 'b']) await network.create(name);
    const both = await attached(network, use(), 'c', ['b', 'a']);
    assert.deepEqual(await network.attachments('c'), both.attachments);
    assert.deepEqual(await network.attachments('other'), []);
    if (module === undefined) return;
    const { instance: other } = await open();
    assert.deepEqual(await other.attachments('c'), both.attachments);
    await other.detach('c', { namespace: both.namespace.path });
    assert.deepEqual(await network.attachments('c'), []);
  });

  if (reboot !== undefined) {
    law('after a reboot nobody is attached, and addresses are free', async ({ instance: network, root, reopen }) => {
      await network.create('n', { subnets: [{ subnet: '10.99.0.0/30' }] });
      const one = await attached(network, use(), 'c', ['n']);
      // The machine's interfaces are gone with it.
      use().inside(one.namespace, 'ip', 'link', 'delete', 'eth0');
      await one.agent[Symbol.asyncDispose]();
      use().endProcesses();
      await reboot(root);
      const { instance: later } = await reopen();
      assert.deepEqual(await later.attachments('c'), []);
      assert.deepEqual((await later.inspect('n')).attached, []);
      const again = await attached(later, use(), 'c', ['n']);
      assert.equal(again.address(), one.address());
    });
  }
}

/** The namespace has the interface that the attachment tells of. */
export function looksAsSaid(
  host: TestHost,
  { namespace, attachments }: Pick<TestContainer, 'namespace' | 'attachments'>,
  index: number,
  mtu?: number,
): void {
  const attachment = attachments[index];
  assert.ok(attachment !== undefined);
  const [link] = JSON.parse(host.inside(namespace, 'ip', '-j', 'address', 'show', 'dev', attachment.interface)) as {
    readonly address: string;
    readonly mtu: number;
    readonly flags: readonly string[];
    readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[];
  }[];
  assert.ok(link !== undefined);
  assert.equal(attachment.interface, `eth${index}`);
  assert.equal(link.address, attachment.mac);
  assert.ok(link.flags.includes('UP'), link.flags.join(', '));
  assert.equal(link.mtu, attachment.mtu);
  if (mtu !== undefined) assert.equal(link.mtu, mtu);
  const addresses = link.addr_info
    .filter(({ scope }) => scope === 'global')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  assert.deepEqual(addresses.sort(), [...attachment.addresses].sort());
}
