import assert from 'node:assert/strict';
import type { Network } from '@slipway/plugin-api';
import type { Law } from '../law.js';
import { attached, requestOf, type TestContainer } from './container.js';
import type { NetworkLaws } from './network-laws.js';

/** Names of others. */
export function nameLaws(law: Law<Network>, { use, features }: NetworkLaws): void {
  const resolved = (from: TestContainer, name: string, family: 4 | 6 = 4, index = 0): Promise<string> =>
    from.agent.resolve(name, family, from.attachments[index]?.nameservers[0] ?? 'nobody');

  law(
    'those of one network find each other by name, alias and short id, and in other networks not',
    async ({ instance: network }) => {
      await network.create('n', { ipv6: features.ipv6 });
      await network.create('other');
      const one = await attached(network, use(), 'one', [{ network: 'n', aliases: ['alias'] }], { names: ['one', 'Short-1'] });
      const two = await attached(network, use(), 'two', ['n']);
      const elsewhere = await attached(network, use(), 'elsewhere', ['other']);
      for (const name of ['one', 'short-1', 'alias', 'ALIAS']) assert.equal(await resolved(two, name), one.address(), name);
      assert.equal(await resolved(one, 'two'), two.address());
      assert.equal(await resolved(one, 'one'), one.address());
      if (features.ipv6) assert.equal(await resolved(two, 'alias', 6), one.address(6));
      for (const name of ['one', 'alias']) assert.doesNotMatch(await resolved(elsewhere, name), /^\d/);
    },
  );

  law('whoever is attached later is found, and whoever is detached no more', async ({ instance: network }) => {
    await network.create('n');
    const one = await attached(network, use(), 'one', ['n']);
    assert.doesNotMatch(await resolved(one, 'two'), /^\d/);
    const two = await attached(network, use(), 'two', ['n']);
    assert.equal(await resolved(one, 'two'), two.address());
    await network.detach('two', { namespace: two.namespace.path });
    assert.doesNotMatch(await resolved(one, 'two'), /^\d/);
  });

  law('one name of several containers is all of them', async ({ instance: network }) => {
    await network.create('n');
    const join = { network: 'n', aliases: ['web'] };
    const all = [await attached(network, use(), 'one', [join]), await attached(network, use(), 'two', [join])];
    const answer = await resolved(all[0] as TestContainer, 'web');
    assert.deepEqual(new Set(answer.split(' ')), new Set(all.map((each) => each.address())));
  });

  law('a renamed one is found by its new name, and its aliases, and no more by the old', async ({ instance: network }) => {
    await network.create('n');
    const one = await attached(network, use(), 'one', [{ network: 'n', aliases: ['alias'] }]);
    const two = await attached(network, use(), 'two', ['n']);
    await network.rename('one', ['three']);
    assert.equal(await resolved(two, 'three'), one.address());
    assert.equal(await resolved(two, 'alias'), one.address());
    assert.doesNotMatch(await resolved(two, 'one'), /^\d/);
    await network.rename('nobody', ['four']);
    assert.doesNotMatch(await resolved(two, 'four'), /^\d/);
  });

  law('one of two networks is found in each by the address that it has there', async ({ instance: network }) => {
    for (const name of ['a', 'b']) await network.create(name);
    const both = await attached(network, use(), 'both', ['a', 'b']);
    const [a, b] = [await attached(network, use(), 'in-a', ['a']), await attached(network, use(), 'in-b', ['b'])];
    assert.equal(await resolved(a, 'both'), both.address(4, 'a'));
    assert.equal(await resolved(b, 'both'), both.address(4, 'b'));
    // Later ones, too.
    await network.create('c');
    const c = await attached(network, use(), 'in-c', ['c']);
    const [joined] = await network.attach(requestOf('both', both.namespace, ['c']));
    assert.equal(await resolved(c, 'both'), joined?.addresses[0]?.replace(/\/.*/, ''));
  });

  law(
    'one of several networks finds the names of all, whichever nameserver it asks, and only as long as it is there',
    async ({ instance: network }) => {
      for (const name of ['a', 'b']) await network.create(name, { internal: name === 'b' });
      const both = await attached(network, use(), 'both', ['a', 'b']);
      const [a, b] = [await attached(network, use(), 'in-a', ['a']), await attached(network, use(), 'in-b', ['b'])];
      const each = async (name: string, expected: RegExp): Promise<void> => {
        for (const { nameservers } of await network.attachments('both')) {
          for (const server of nameservers)
            assert.match(await both.agent.resolve(name, 4, server), expected, `${name} by ${server}`);
        }
      };
      const known = (address: string): RegExp => new RegExp(`^${RegExp.escape(address)}$`);
      await each('in-a', known(a.address()));
      await each('in-b', known(b.address()));
      await each('in-b.b', known(b.address()));
      assert.doesNotMatch(await resolved(a, 'in-b'), /^\d/);
      assert.doesNotMatch(await resolved(b, 'in-a'), /^\d/);
      await network.create('c');
      const c = await attached(network, use(), 'in-c', ['c']);
      await each('in-c', /^[^\d]/);
      await network.attach(requestOf('both', both.namespace, ['c']));
      for (const container of [a, b, c]) await each(container.id, known(container.address()));
      await network.detach('in-a', { namespace: a.namespace.path });
      await network.rename('in-b', ['late']);
      await each('in-a', /^[^\d]/);
      await each('late', known(b.address()));
      for (const name of ['b', 'a']) await network.detach('both', { network: name, namespace: both.namespace.path });
      await each('late', /^[^\d]/);
      await each('in-c', known(c.address()));
    },
  );
}
