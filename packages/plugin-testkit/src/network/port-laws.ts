import assert from 'node:assert/strict';
import type { Network, PublishedPort } from '@slipway/plugin-api';
import type { Law } from '../law.js';
import { attached } from './container.js';
import type { NetworkLaws } from './network-laws.js';

/** Ports of the host that lead into a container. */
export function portLaws(law: Law<Network>, { use, features }: NetworkLaws): void {
  const families = features.ipv6 ? ([4, 6] as const) : ([4] as const);
  const all = { 4: '0.0.0.0', 6: '::' } as const;

  law(
    'a published port leads in, from elsewhere and from the host, until the container is detached',
    async ({ instance: network }) => {
      const outside = use().outside();
      const [elsewhere, local] = [use().agent(outside), use().agent()];
      await network.create('n', { ipv6: features.ipv6 });
      const ports = families.flatMap((family) =>
        (['tcp', 'udp'] as const).map(
          (protocol): PublishedPort => ({ protocol, hostAddress: all[family], hostPort: 47_080, containerPort: 80 }),
        ),
      );
      const one = await attached(network, use(), 'one', ['n'], { ports });
      for (const protocol of ['tcp', 'udp'] as const) await one.agent.serve(protocol, 'one', 80);
      for (const protocol of ['tcp', 'udp'] as const) {
        for (const family of families) {
          const target = { protocol, host: outside.host[family], port: 47_080 };
          // It sees who came.
          assert.equal(await elsewhere.asks(target, /^one/), `one ${outside.addresses[family]}`, `${protocol}, IPv${family}`);
          assert.match(await local.asks(target, /^one/), /^one/, `${protocol} from the host, IPv${family}`);
        }
        assert.match(await local.asks({ protocol, host: '127.0.0.1', port: 47_080 }, /^one/), /^one/, `${protocol} by loopback`);
      }
      await network.detach('one', { namespace: one.namespace.path });
      for (const protocol of ['tcp', 'udp'] as const) {
        for (const family of families) {
          const answer = await elsewhere.ask({ protocol, host: outside.host[family], port: 47_080, timeoutMs: 1000 });
          assert.doesNotMatch(answer, /^one/);
        }
      }
    },
  );

  law('a port that is published at one address is not at another', async ({ instance: network }) => {
    const outside = use().outside();
    const elsewhere = use().agent(outside);
    await network.create('n');
    const ports: PublishedPort[] = [{ protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 47_081, containerPort: 80 }];
    const one = await attached(network, use(), 'one', ['n'], { ports });
    await one.agent.serve('tcp', 'one', 80);
    assert.match(await use().agent().asks({ protocol: 'tcp', host: '127.0.0.1', port: 47_081 }, /^one/), /^one/);
    assert.doesNotMatch(await elsewhere.ask({ protocol: 'tcp', host: outside.host[4], port: 47_081, timeoutMs: 1000 }), /^one/);
  });

  law('others of its network, and it itself, reach a published port by the host’s address', async ({ instance: network }) => {
    await network.create('n');
    const outside = use().outside();
    const ports: PublishedPort[] = [{ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 47_082, containerPort: 80 }];
    const one = await attached(network, use(), 'one', ['n'], { ports });
    const two = await attached(network, use(), 'two', ['n']);
    await one.agent.serve('tcp', 'one', 80);
    const target = { protocol: 'tcp', host: outside.host[4], port: 47_082 } as const;
    assert.match(await two.agent.asks(target, /^one/), /^one/);
    assert.match(await one.agent.asks(target, /^one/), /^one/);
  });

  law('each of two containers has its ports', async ({ instance: network }) => {
    await network.create('n');
    const outside = use().outside();
    const elsewhere = use().agent(outside);
    const ids = ['one', 'two'];
    const all = await Promise.all(
      ids.map((id, index) =>
        attached(network, use(), id, ['n'], {
          ports: [0, 1].map((each) => ({
            protocol: 'tcp',
            hostAddress: '0.0.0.0',
            hostPort: 47_100 + index * 10 + each,
            containerPort: 80 + each,
          })),
        }),
      ),
    );
    for (const each of all) for (const port of [80, 81]) await each.agent.serve('tcp', `${each.id}:${port}`, port);
    const asked = async (port: number): Promise<string> =>
      (await elsewhere.asks({ protocol: 'tcp', host: outside.host[4], port }, /^(one|two)/)).replace(/ .*/, '');
    assert.deepEqual(
      [await asked(47_100), await asked(47_101), await asked(47_110), await asked(47_111)],
      ['one:80', 'one:81', 'two:80', 'two:81'],
    );
    await network.detach('one', { namespace: all[0]?.namespace.path });
    assert.equal(await asked(47_110), 'two:80');
  });
}
