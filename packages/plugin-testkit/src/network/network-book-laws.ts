import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { CreateNetworkOptions, Network } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { attached } from './container.js';
import type { NetworkLaws } from './network-laws.js';

/** Which networks there are (law 1). */
export function networkBookLaws(law: Law<Network>, { use, module, reboot }: NetworkLaws): void {
  law('what was created is told as it was asked for', async ({ instance: network, open }) => {
    const before = Date.now();
    const made = await network.create('n', {
      subnets: [{ subnet: '10.99.8.0/22', gateway: '10.99.8.9', range: '10.99.9.0/24' }],
      internal: true,
      mtu: 1400,
      labels: { a: 'b', c: '' },
    });
    assert.equal(made.name, 'n');
    assert.deepEqual(made.subnets, [{ subnet: '10.99.8.0/22', gateway: '10.99.8.9', range: '10.99.9.0/24' }]);
    assert.equal(made.internal, true);
    assert.equal(made.mtu, 1400);
    assert.deepEqual(made.labels, { a: 'b', c: '' });
    assert.deepEqual(made.options, {});
    assert.deepEqual(made.attached, []);
    const createdAt = Date.parse(made.createdAt ?? '');
    assert.ok(createdAt >= before - 1000 && createdAt <= Date.now() + 1000, `created at ${made.createdAt}`);
    assert.deepEqual(await network.inspect('n'), made);
    assert.deepEqual(
      (await network.list()).find(({ name }) => name === 'n'),
      made,
    );
    if (module === undefined) return;
    const { instance: other } = await open();
    assert.deepEqual(await other.inspect('n'), made);
  });

  law('a list is in the order of names', async ({ instance: network }) => {
    for (const name of ['b', 'a', 'c', 'B', '7']) await network.create(name);
    const names = (await network.list()).map(({ name }) => name).filter((name) => /^[abcB7]$/.test(name));
    assert.deepEqual(names, ['7', 'B', 'a', 'b', 'c']);
  });

  law('create of a name that is there is already-exists, and changes nothing', async ({ instance: network }) => {
    const made = await network.create('n', { labels: { a: 'b' } });
    await expectKind(network.create('n', { labels: { a: 'b' } }), 'already-exists');
    await expectKind(network.create('n', { internal: true }), 'already-exists');
    assert.deepEqual(await network.inspect('n'), made);
  });

  law('networks that say nothing of it get subnets that are nobody’s', async ({ instance: network }) => {
    const first = (await network.create('n0')).subnets[0]?.subnet ?? '';
    await network.remove('n0');
    // What was given first is now a route of the host: it is not given again.
    const [address] = first.split('/');
    execFileSync('ip', ['link', 'add', 'other0', 'type', 'veth', 'peer', 'name', 'other1']);
    execFileSync('ip', ['address', 'add', `${address?.replace(/0$/, '77')}/28`, 'dev', 'other0']);
    for (const end of ['other0', 'other1']) execFileSync('ip', ['link', 'set', end, 'up']);
    const made = [];
    for (let index = 0; index < 6; index++) made.push(await network.create(`n${index}`));
    const subnets = made.map((each) => each.subnets[0]?.subnet);
    assert.equal(new Set(subnets).size, 6, subnets.join(', '));
    assert.ok(!subnets.includes(first), `${first} overlaps a route of the host`);
    for (const { subnets: each } of made) {
      assert.match(each[0]?.subnet ?? '', /^\d+\.\d+\.\d+\.\d+\/\d+$/);
      assert.notEqual(each[0]?.gateway, undefined);
    }
  });

  law('a subnet that overlaps another network’s is failed-precondition, and nothing is made', async ({ instance: network }) => {
    await network.create('n', { subnets: [{ subnet: '10.99.4.0/22' }] });
    const before = use().state('/nowhere');
    for (const subnet of ['10.99.4.0/22', '10.99.5.0/24', '10.99.0.0/16', '10.99.7.128/25']) {
      await expectKind(network.create('other', { subnets: [{ subnet }] }), 'failed-precondition');
    }
    await expectKind(network.inspect('other'), 'not-found');
    assert.deepEqual(use().state('/nowhere'), before);
    await network.create('other', { subnets: [{ subnet: '10.99.8.0/22' }] });
  });

  law('a subnet that overlaps a route of the host is failed-precondition, and nothing is made', async ({ instance: network }) => {
    use().outside();
    for (const subnet of ['203.0.113.0/24', '203.0.113.128/25', '203.0.0.0/16', '2001:db8:203::/64']) {
      await expectKind(network.create('n', { subnets: [{ subnet }] }), 'failed-precondition');
    }
    await expectKind(network.inspect('n'), 'not-found');
  });

  const wrong: readonly (readonly [why: string, CreateNetworkOptions])[] = [
    ['a subnet that is none', { subnets: [{ subnet: '10.99.0.0' }] }],
    ['a subnet with bits of a host', { subnets: [{ subnet: '10.99.0.1/24' }] }],
    ['a subnet without room', { subnets: [{ subnet: '10.99.0.0/32' }] }],
    ['a gateway elsewhere', { subnets: [{ subnet: '10.99.0.0/24', gateway: '10.98.0.1' }] }],
    ['a gateway that is the network', { subnets: [{ subnet: '10.99.0.0/24', gateway: '10.99.0.0' }] }],
    ['a range elsewhere', { subnets: [{ subnet: '10.99.0.0/24', range: '10.98.0.0/25' }] }],
    ['a range that is larger', { subnets: [{ subnet: '10.99.0.0/24', range: '10.99.0.0/16' }] }],
    ['two subnets of IPv4', { subnets: [{ subnet: '10.99.0.0/24' }, { subnet: '10.98.0.0/24' }] }],
    ['an MTU of nothing', { mtu: 0 }],
    ['an MTU that is none', { mtu: 1500.5 }],
    ['a driver that it does not know', { driver: 'no such driver' }],
    ['an option that it does not know', { options: { 'no such option': '1' } }],
  ];
  law('what makes no sense is invalid-argument, and nothing is made', async ({ instance: network }) => {
    for (const [why, options] of wrong) {
      await expectKind(network.create('n', options), 'invalid-argument').catch((error: unknown) => {
        throw new Error(why, { cause: error });
      });
    }
    await expectKind(network.inspect('n'), 'not-found');
  });

  const wrongNames = ['', '.', '..', '.a', '-a', '_a', 'a/b', '/a', '../a', 'a b', 'a\0', 'a\n', 'ä', 'x'.repeat(65)];
  law('a name that is none is invalid-argument everywhere', async ({ instance: network }) => {
    using namespace = use().namespace();
    for (const name of [...wrongNames, 'none', 'host', 'default']) {
      await expectKind(network.create(name), 'invalid-argument');
      await expectKind(network.inspect(name), 'invalid-argument');
      await expectKind(network.remove(name), 'invalid-argument');
      const request = { id: 'c', namespace: namespace.path, networks: [{ network: name }], names: [] };
      await expectKind(network.attach(request), 'invalid-argument');
    }
    for (const name of ['x'.repeat(64), '7']) {
      await network.create(name);
      await attached(network, use(), 'c', [name]);
      await network.detach('c');
      await network.remove(name);
    }
  });

  law('what is not there is not-found', async ({ instance: network }) => {
    await network.create('there');
    await expectKind(network.inspect('n'), 'not-found');
    await expectKind(network.remove('n'), 'not-found');
    await expectKind(attached(network, use(), 'c', ['n']), 'not-found');
    await expectKind(attached(network, use(), 'c', ['there', 'n']), 'not-found');
    assert.deepEqual(await network.attachments('c'), []);
  });

  law(
    'a network with somebody in it is not removed; then it is gone from the host, and its name and subnet are free',
    async ({ instance: network, root }) => {
      const before = use().state(root);
      const options = { subnets: [{ subnet: '10.99.0.0/24' }] };
      await network.create('n', options);
      const one = await attached(network, use(), 'one', ['n']);
      const two = await attached(network, use(), 'two', ['n']);
      assert.deepEqual(
        [...(await network.inspect('n')).attached].sort((a, b) => (a.id < b.id ? -1 : 1)),
        [one, two].map((each) => ({ id: each.id, addresses: [each.address()] })),
      );
      await expectKind(network.remove('n'), 'failed-precondition');
      await network.detach('one');
      await expectKind(network.remove('n'), 'failed-precondition');
      await network.detach('two');
      await expectKind(network.remove('n', { signal: AbortSignal.abort() }), 'canceled');
      await network.remove('n');
      await expectKind(network.inspect('n'), 'not-found');
      const after = use().state(root);
      for (const kind of ['interfaces', 'addresses', 'routes'] as const) assert.deepEqual(after[kind], before[kind]);
      await network.create('n', options);
    },
  );

  if (reboot !== undefined) {
    law('networks are there after a reboot', async ({ instance: network, root, reopen }) => {
      const made = await network.create('n', { labels: { a: 'b' } });
      await reboot(root);
      const { instance: later } = await reopen();
      assert.deepEqual(await later.inspect('n'), made);
    });
  }
}
