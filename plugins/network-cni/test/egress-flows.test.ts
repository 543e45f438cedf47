import assert from 'node:assert/strict';
import { attached } from '@slipway/plugin-testkit';
import { attacks, frameOf, hasMarker, marker } from './egress-scene.ts';
import { icmp, ip, protocols, tcp, tcpFlags, udp } from './frames.ts';
import { openWire } from './wire.ts';

attacks((law) => {
  law('gets to no service of the host, by whatever address, but for what is allowed', async (world) => {
    const { evil, mac, bridgeMac, address, gateway, outside, one } = world;
    const local = world.host.agent();
    const port = await local.serve('tcp', 'host');
    await local.serve('udp', 'host', port);
    for (const family of [4, 6] as const) {
      for (const host of [gateway[family], outside.host[family]]) {
        for (const protocol of ['tcp', 'udp'] as const) {
          const answer = await one.agent.ask({ protocol, host, port, timeoutMs: 300 });
          assert.match(answer, /^(timeout|E[A-Z]+)$/, `${protocol} ${host}`);
        }
      }
    }
    const frames = ['127.0.0.1', '127.0.0.2', '169.254.169.254', '255.255.255.255', '224.0.0.1', '10.99.0.255'].map((to) =>
      frameOf(bridgeMac, mac, address[4], to, protocols.udp, udp(address[4], to, 1000, port, marker)),
    );
    frames.push(frameOf(bridgeMac, mac, address[6], '::1', protocols.udp, udp(address[6], '::1', 1000, port, marker)));
    await evil.send(...frames);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(await local.seen(), []);
    assert.deepEqual(await world.escaped(hasMarker), []);
  });

  law(
    'sends from a published port to those who have asked it, and to nobody else',
    async (world) => {
      const { evil, mac, bridgeMac, address, outside, one } = world;
      await one.agent.serve('udp', 'one', 5000);
      const asking = world.host.agent(outside);
      assert.match(await asking.asks({ protocol: 'udp', host: outside.host[4], port: 47_500 }, /^one/), /^one/);
      await world.escaped(hasMarker);
      const others = ['203.0.113.3', outside.addresses[4]];
      const frames = others.flatMap((to) => [
        frameOf(bridgeMac, mac, address[4], to, protocols.udp, udp(address[4], to, 5000, 9999, marker)),
        frameOf(
          bridgeMac,
          mac,
          address[4],
          to,
          protocols.tcp,
          tcp(address[4], to, 5000, 9999, tcpFlags.syn | tcpFlags.ack, marker),
        ),
        // An error about a packet that never was.
        frameOf(
          bridgeMac,
          mac,
          address[4],
          to,
          protocols.icmp,
          icmp(
            address[4],
            to,
            3,
            3,
            Buffer.concat([Buffer.alloc(4), ip(to, address[4], protocols.udp, udp(to, address[4], 9999, 5000, marker))]),
          ),
        ),
      ]);
      await evil.send(...frames);
      assert.deepEqual(await world.escaped(hasMarker), []);
    },
    { ports: [{ protocol: 'udp', hostAddress: '0.0.0.0', hostPort: 47_500, containerPort: 5000 }] },
  );

  law('does not go on with what another container began at its address', async (world) => {
    const { network, outside } = world;
    const before = await attached(network, world.host, 'before', [{ network: 'n', addresses: ['10.99.0.50'] }]);
    const server = world.host.agent(outside);
    const port = await server.serve('udp', 'outside');
    {
      await using wire = await openWire('eth0', before.namespace);
      const data = udp('10.99.0.50', outside.addresses[4], 6000, port, Buffer.from('hello'));
      for (let tries = 0; tries < 50 && (await server.seen()).length === 0; tries++) {
        await wire.send(
          frameOf(world.bridgeMac, before.attachments[0]!.mac, '10.99.0.50', outside.addresses[4], protocols.udp, data),
        );
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    assert.notDeepEqual(await server.seen(), []);
    await network.detach('before', { namespace: before.namespace.path });
    const after = await attached(network, world.host, 'after', [{ network: 'n', addresses: ['10.99.0.50'] }], {
      egress: { allow: [] },
    });
    await using wire = await openWire('eth0', after.namespace);
    await world.escaped(hasMarker);
    const data = udp('10.99.0.50', outside.addresses[4], 6000, port, marker);
    await wire.send(frameOf(world.bridgeMac, after.attachments[0]!.mac, '10.99.0.50', outside.addresses[4], protocols.udp, data));
    assert.deepEqual(await world.escaped(hasMarker), []);
  });
});
