import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Network, PublishedPort } from '@slipway/plugin-api';
import { type Agent, attached, onHosts } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { opener } from './subject.ts';

// Traffic through both kinds of packet filter, from everywhere that it may come from.

const { runner, use } = onHosts({ describe, it });

for (const firewall of ['nftables', 'iptables'] as const) {
  runner.describe(`ports and forwarding by ${firewall}`, () => {
    const law = (name: string, body: (network: Network) => Promise<void>): void =>
      runner.it(name, async () => {
        const root = mkdtempSync(join(tmpdir(), 'slipway-traffic-'));
        const { instance: network } = await opener({ firewall })(root);
        try {
          await network.create('n', { subnets: [{ subnet: '10.99.0.0/24' }, { subnet: 'fd99::/64' }] });
          await body(network);
        } finally {
          await network.cleanup(new Set());
          rmSync(root, { recursive: true, force: true });
        }
      });

    law(
      'published ports are reached from outside, from the host, from others of the network and from the container itself',
      async (network) => {
        const outside = use().outside();
        const ports = (['tcp', 'udp'] as const).flatMap((protocol): PublishedPort[] => [
          { protocol, hostAddress: '0.0.0.0', hostPort: 47_001, containerPort: 5000 },
          { protocol, hostAddress: '::', hostPort: 47_001, containerPort: 5000 },
          { protocol, hostAddress: '127.0.0.1', hostPort: 47_002, containerPort: 5000 },
          { protocol, hostAddress: outside.host[4], hostPort: 47_003, containerPort: 5000 },
        ]);
        const one = await attached(network, use(), 'one', ['n'], { ports });
        const two = await attached(network, use(), 'two', ['n']);
        for (const protocol of ['tcp', 'udp'] as const) await one.agent.serve(protocol, 'one', 5000);
        const [host, away] = [use().agent(), use().agent(outside)];
        const reached = async (from: Agent, address: string, port = 47_001): Promise<void> => {
          for (const protocol of ['tcp', 'udp'] as const) {
            assert.match(await from.asks({ protocol, host: address, port }, /^one/), /^one/, `${protocol} ${address} ${port}`);
          }
        };
        for (const family of [4, 6] as const) {
          for (const from of [away, host, two.agent, one.agent]) await reached(from, outside.host[family]);
        }
        await reached(host, '127.0.0.1');
        await reached(host, '127.0.0.1', 47_002);
        await reached(away, outside.host[4], 47_003);
        await reached(host, outside.host[4], 47_003);
        assert.doesNotMatch(await away.ask({ protocol: 'tcp', host: outside.host[4], port: 47_002, timeoutMs: 500 }), /^one/);
        // There is none for IPv6; whoever tries is told so, and not left waiting.
        if (firewall === 'nftables') assert.equal(await host.ask({ protocol: 'tcp', host: '::1', port: 47_001 }), 'ECONNREFUSED');
        await network.detach('one', { namespace: one.namespace.path });
        for (const address of [outside.host[4], outside.host[6]]) {
          for (const protocol of ['tcp', 'udp'] as const) {
            assert.doesNotMatch(await away.ask({ protocol, host: address, port: 47_001, timeoutMs: 500 }), /^one/);
          }
        }
      },
    );

    law('what leaves has the address of the host, and what stays in the network keeps its own', async (network) => {
      const outside = use().outside();
      const server = use().agent(outside);
      const port = await server.serve('tcp', 'outside');
      const one = await attached(network, use(), 'one', ['n']);
      const two = await attached(network, use(), 'two', ['n']);
      const twos = await two.agent.serve('tcp', 'two');
      for (const family of [4, 6] as const) {
        const masked = new RegExp(`^outside ${outside.host[family]}$`);
        assert.match(await one.agent.asks({ protocol: 'tcp', host: outside.addresses[family], port }, masked), masked);
        const own = new RegExp(`^two ${one.address(family)}$`);
        assert.match(await one.agent.asks({ protocol: 'tcp', host: two.address(family), port: twos }, own), own);
      }
    });

    law(
      'a neighbour with a route to the network gets to nothing that is not published, and nobody to 127.0.0.1',
      async (network) => {
        const outside = use().outside();
        const one = await attached(network, use(), 'one', ['n'], {
          ports: [{ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 47_001, containerPort: 5000 }],
        });
        await one.agent.serve('tcp', 'one', 5000);
        const [host, away] = [use().agent(), use().agent(outside)];
        await host.serve('tcp', 'host', 47_900);
        use().inside(outside, 'ip', 'route', 'add', '10.99.0.0/24', 'via', outside.host[4]);
        use().inside(outside, 'ip', '-6', 'route', 'add', 'fd99::/64', 'via', outside.host[6]);
        for (const family of [4, 6] as const) {
          assert.equal(await away.ask({ protocol: 'tcp', host: one.address(family), port: 5000, timeoutMs: 500 }), 'timeout');
        }
        use().inside(one.namespace, 'ip', 'address', 'del', '127.0.0.1/8', 'dev', 'lo');
        use().inside(one.namespace, 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
        use().inside(one.namespace, 'ip', 'route', 'add', '127.0.0.1/32', 'via', '10.99.0.1', 'dev', 'eth0');
        assert.doesNotMatch(await one.agent.ask({ protocol: 'tcp', host: '127.0.0.1', port: 47_900, timeoutMs: 500 }), /^host/);
      },
    );

    law('nothing of an internal network gets out, nor in', async (network) => {
      const outside = use().outside();
      const server = use().agent(outside);
      const port = await server.serve('tcp', 'outside');
      await network.create('inner', { internal: true, subnets: [{ subnet: '10.98.0.0/24' }] });
      const one = await attached(network, use(), 'one', ['inner']);
      const other = await attached(network, use(), 'other', ['n']);
      await other.agent.serve('tcp', 'other', 5000);
      use().inside(one.namespace, 'ip', 'route', 'add', 'default', 'via', '10.98.0.1');
      assert.doesNotMatch(await one.agent.ask({ protocol: 'tcp', host: outside.addresses[4], port, timeoutMs: 500 }), /^outside/);
      assert.doesNotMatch(await one.agent.ask({ protocol: 'tcp', host: other.address(), port: 5000, timeoutMs: 500 }), /^other/);
      assert.deepEqual(await server.seen(), []);
    });

    law('resolvers answer nobody but containers of their network and the host', async (network) => {
      const outside = use().outside();
      await network.create('inner', { internal: true, subnets: [{ subnet: '10.98.0.0/24' }, { subnet: 'fd98::/64' }] });
      const ports = (['0.0.0.0', '::'] as const).map(
        (hostAddress): PublishedPort => ({ protocol: 'tcp', hostAddress, hostPort: 47_001, containerPort: 5000 }),
      );
      // With nameservers, so that it has a resolver of its own, on a port of its own.
      const one = await attached(network, use(), 'one', ['n'], { nameservers: [outside.addresses[4]], ports });
      const two = await attached(network, use(), 'two', ['n']);
      const strange = await attached(network, use(), 'strange', ['inner']);
      await one.agent.serve('tcp', 'one', 5000);
      const [host, away] = [use().agent(), use().agent(outside)];
      use().inside(outside, 'ip', 'route', 'add', '10.99.0.0/24', 'via', outside.host[4]);
      use().inside(outside, 'ip', '-6', 'route', 'add', 'fd99::/64', 'via', outside.host[6]);
      use().inside(strange.namespace, 'ip', 'route', 'replace', 'default', 'via', '10.98.0.1');
      use().inside(strange.namespace, 'ip', '-6', 'route', 'replace', 'default', 'via', 'fd98::1');
      // Other tests at the same time have containers of the same names and addresses, on hosts of their own.
      const line = use()
        .state(import.meta.dirname)
        .processes.find((each) => each.includes('dnsmasq') && each.includes('/own/one/') && each.includes('=10.99.0.1'));
      const port = /--port=(\d+)/.exec(line ?? '')?.[1];
      assert.ok(port);
      for (const server of ['10.99.0.1', `10.99.0.1:${port}`]) {
        assert.equal(await host.resolve('two', 4, server), two.address(), server);
        for (const from of [away, strange.agent]) assert.doesNotMatch(await from.resolve('two', 4, server), /^\d/, server);
      }
      assert.equal(await two.agent.resolve('one', 4, '10.99.0.1'), one.address());
      await host.serve('tcp', 'host', 47_900);
      for (const address of ['10.99.0.1', 'fd99::1']) {
        const whole = { protocol: 'tcp', host: address, port: 47_900 } as const;
        assert.match(await two.agent.ask(whole), /^host/);
        for (const from of [away, strange.agent]) assert.doesNotMatch(await from.ask({ ...whole, timeoutMs: 500 }), /^host/);
        assert.match(await away.asks({ protocol: 'tcp', host: address, port: 47_001 }, /^one/), /^one/);
      }
    });

    law('bridges may be called by words and numbers', async (network) => {
      await attached(network, use(), 'one', ['n']);
      for (const bridge of ['tcp', '1st', '12']) {
        await network.create('named', { options: { bridge } });
        const two = await attached(network, use(), 'two', ['named']);
        await network.detach('two', { namespace: two.namespace.path });
        await network.remove('named');
        const rules = execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' });
        assert.doesNotMatch(rules, new RegExp(`"${bridge}"|-${bridge} `));
      }
    });

    law('a network that is removed leaves no rule', async (network) => {
      const rules = (): string => execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' });
      await attached(network, use(), 'one', ['n'], {
        ports: [{ protocol: 'udp', hostAddress: '0.0.0.0', hostPort: 47_001, containerPort: 5000 }],
        egress: { allow: [] },
      });
      await network.create('m');
      await attached(network, use(), 'two', ['m']);
      await network.detach('two');
      await network.detach('one');
      await network.remove('n');
      assert.match(rules(), firewall === 'nftables' ? /table inet slipway \{/ : /SLIPWAY-N-/);
      await network.remove('m');
      assert.doesNotMatch(rules(), /slipway \{|SLIPWAY-|CNI-DN/);
    });
  });
}
