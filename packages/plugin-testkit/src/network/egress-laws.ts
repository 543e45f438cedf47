import assert from 'node:assert/strict';
import type { EgressPolicy, Network } from '@slipway/plugin-api';
import type { Law } from '../law.js';
import { looksAsSaid } from './attach-laws.js';
import { attached, requestOf, type TestContainer } from './container.js';
import type { NetworkLaws } from './network-laws.js';

/** What may not leave does not leave (law 7). A server elsewhere counts who came. */
export function egressLaws(law: Law<Network>, { use, features }: NetworkLaws): void {
  const families = features.ipv6 ? ([4, 6] as const) : ([4] as const);

  law(
    'with a policy that allows nothing, nobody is reached: no address, protocol or family, and no host',
    async ({ instance: network }) => {
      const { outside, server, port } = await servers();
      await network.create('n', { ipv6: features.ipv6 });
      const one = await attached(network, use(), 'one', ['n'], { egress: { allow: [] } });
      const local = use().agent();
      const localPort = await local.serve('tcp', 'host');
      for (const family of families) {
        for (const protocol of ['tcp', 'udp'] as const) {
          await unanswered(one, { protocol, host: outside.addresses[family], port });
          await unanswered(one, { protocol, host: outside.host[family], port: localPort });
        }
      }
      for (const gateway of one.attachments[0]?.gateways ?? [])
        await unanswered(one, { protocol: 'tcp', host: gateway, port: localPort });
      assert.deepEqual(await server.seen(), []);
      assert.deepEqual(await local.seen(), []);
    },
  );

  law('what is listed is reached, by its protocol and port alone', async ({ instance: network }) => {
    const outside = use().outside();
    const port = await use().agent(outside).serve('tcp', 'outside');
    const others = use().agent(outside);
    const other = await others.serve('tcp', 'other');
    await others.serve('udp', 'other', port);
    await network.create('n', { ipv6: features.ipv6 });
    const allow = families.map((family) => ({ host: outside.addresses[family], port, protocol: 'tcp' as const }));
    const one = await attached(network, use(), 'one', ['n'], { egress: { allow } });
    for (const family of families) {
      const host = outside.addresses[family];
      assert.match(await one.agent.asks({ protocol: 'tcp', host, port }, /^outside/), /^outside/);
      await unanswered(one, { protocol: 'udp', host, port });
      await unanswered(one, { protocol: 'tcp', host, port: other });
    }
    assert.deepEqual(await others.seen(), []);
  });

  law(
    'a network that is listed is reached, whatever the port, and others of that network are still answered',
    async ({ instance: network }) => {
      const { outside, port } = await servers();
      await network.create('n');
      const egress: EgressPolicy = { allow: [{ host: '203.0.113.0/24' }] };
      const one = await attached(network, use(), 'one', ['n'], { egress });
      const two = await attached(network, use(), 'two', ['n']);
      for (const protocol of ['tcp', 'udp'] as const) {
        assert.match(await one.agent.asks({ protocol, host: outside.addresses[4], port }, /^outside/), /^outside/);
      }
      // Replies are no connections of its own.
      const own = await one.agent.serve('tcp', 'one');
      assert.match(await two.agent.asks({ protocol: 'tcp', host: one.address(), port: own }, /^one/), /^one/);
      const twos = await two.agent.serve('tcp', 'two');
      await unanswered(one, { protocol: 'tcp', host: two.address(), port: twos });
      assert.deepEqual(await two.agent.seen(), []);
    },
  );

  if (features.firewall !== 'none') {
    law('published ports are answered', async ({ instance: network }) => {
      const { outside, elsewhere } = await servers();
      await network.create('n');
      const ports = [{ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 47_080, containerPort: 80 } as const];
      const one = await attached(network, use(), 'one', ['n'], { egress: { allow: [] }, ports });
      await one.agent.serve('tcp', 'one', 80);
      assert.match(await elsewhere.asks({ protocol: 'tcp', host: outside.host[4], port: 47_080 }, /^one/), /^one/);
    });
  }

  law('whatever it does with its interface, addresses and routes, nothing more gets out', async ({ instance: network }) => {
    const { outside, server, port } = await servers();
    await network.create('n', { subnets: [{ subnet: '10.99.0.0/24' }] });
    const one = await attached(network, use(), 'one', ['n'], { egress: { allow: [{ host: '192.0.2.1', port: 1 }] } });
    // One that may, in whose name it could speak.
    const free = await attached(network, use(), 'free', ['n']);
    const tricks: readonly (readonly string[])[] = [
      ['ip', 'address', 'add', '10.99.0.200/24', 'dev', 'eth0'],
      [
        'ip',
        'route',
        'replace',
        `${outside.addresses[4]}/32`,
        'via',
        one.attachments[0]?.gateways[0] ?? '',
        'src',
        '10.99.0.200',
      ],
      [
        'ip',
        'route',
        'replace',
        `${outside.addresses[4]}/32`,
        'via',
        one.attachments[0]?.gateways[0] ?? '',
        'src',
        one.address(),
      ],
      ['ip', 'address', 'add', `${free.address()}/32`, 'dev', 'eth0'],
      [
        'ip',
        'route',
        'replace',
        `${outside.addresses[4]}/32`,
        'via',
        one.attachments[0]?.gateways[0] ?? '',
        'src',
        free.address(),
      ],
      ['ip', 'route', 'replace', `${outside.addresses[4]}/32`, 'via', free.address()],
      ['ip', 'link', 'set', 'eth0', 'address', free.attachments[0]?.mac ?? ''],
      ['ip', 'route', 'replace', `${outside.addresses[4]}/32`, 'via', one.attachments[0]?.gateways[0] ?? ''],
    ];
    for (const [program = '', ...args] of tricks) {
      use().inside(one.namespace, program, ...args);
      for (const protocol of ['tcp', 'udp'] as const) await unanswered(one, { protocol, host: outside.addresses[4], port });
    }
    assert.deepEqual(await server.seen(), []);
    // And nobody else's traffic has come to it.
    assert.match(await free.agent.asks({ protocol: 'tcp', host: outside.addresses[4], port }, /^outside/), /^outside/);
  });

  law('names lead nowhere that is not listed: no resolver is asked but for listed names', async ({ instance: network }) => {
    const { outside, server } = await servers();
    // A resolver elsewhere, which would carry any question as a message.
    await server.serve('udp', 'resolver', 53);
    await server.serve('tcp', 'resolver', 53);
    await network.create('n');
    const one = await attached(network, use(), 'one', ['n'], {
      egress: { allow: [{ host: 'listed.example', port: 443 }] },
      nameservers: [outside.addresses[4]],
    });
    for (const nameserver of [
      ...(one.attachments[0]?.nameservers ?? []),
      ...(one.attachments[0]?.gateways ?? []),
      outside.addresses[4],
    ]) {
      for (const name of ['secret.tunnel.example', 'below.listed.example', 'x.listed.example.elsewhere.example']) {
        assert.doesNotMatch(await one.agent.resolve(name, 4, nameserver), /^\d/);
      }
    }
    await unanswered(one, { protocol: 'udp', host: outside.addresses[4], port: 53 });
    await unanswered(one, { protocol: 'tcp', host: outside.addresses[4], port: 53 });
    assert.deepEqual(
      (await server.seen()).filter((address) => address !== outside.host[4]),
      [],
    );
    assert.deepEqual(await server.seen(), []);
  });

  law('a network that is joined later is no way out, from its first packet on', async ({ instance: network }) => {
    await network.create('a');
    const { subnets } = await network.create('b', { subnets: [{ subnet: '10.99.0.0/24' }] });
    const free = await attached(network, use(), 'free', ['b']);
    const [local, gateway] = [use().agent(), subnets[0]?.gateway ?? ''];
    const ports = [await local.serve('udp', 'host'), await free.agent.serve('udp', 'free')] as const;
    const one = await attached(network, use(), 'one', ['a'], { egress: { allow: [] } });
    await one.agent.flood(gateway, ports[0]);
    await one.agent.flood(free.address(), ports[1]);
    for (let round = 0; round < 3; round++) {
      const [joined] = await network.attach(requestOf('one', one.namespace, ['b']));
      looksAsSaid(use(), { namespace: one.namespace, attachments: await network.attachments('one') }, 1);
      const own = await one.agent.serve('tcp', 'one');
      const host = joined?.addresses[0]?.replace(/\/.*/, '') ?? '';
      assert.match(await free.agent.asks({ protocol: 'tcp', host, port: own }, /^one/), /^one/);
      await network.detach('one', { network: 'b', namespace: one.namespace.path });
    }
    assert.deepEqual([...(await local.seen()), ...(await free.agent.seen())], []);
  });

  law('a policy is gone with the last network, and others never had it', async ({ instance: network }) => {
    const { outside, port } = await servers();
    await network.create('n');
    const target = { protocol: 'tcp', host: outside.addresses[4], port } as const;
    const one = await attached(network, use(), 'one', ['n'], { egress: { allow: [] } });
    const two = await attached(network, use(), 'two', ['n']);
    assert.match(await two.agent.asks(target, /^outside/), /^outside/);
    await unanswered(one, target);
    await network.detach('one', { namespace: one.namespace.path });
    const again = await attached(network, use(), 'one', [{ network: 'n', addresses: [one.address()] }]);
    assert.match(await again.agent.asks(target, /^outside/), /^outside/);
  });

  async function servers() {
    const outside = use().outside();
    const elsewhere = use().agent(outside);
    const server = use().agent(outside);
    const port = await server.serve('tcp', 'outside');
    await server.serve('udp', 'outside', port);
    return { outside, elsewhere, server, port };
  }
}

async function unanswered(container: TestContainer, target: Parameters<TestContainer['agent']['ask']>[0]): Promise<void> {
  const answer = await container.agent.ask({ ...target, timeoutMs: 400 });
  assert.match(answer, /^(timeout|E[A-Z]+)$/, `${target.protocol} to ${target.host}:${target.port} said ${answer}`);
}
