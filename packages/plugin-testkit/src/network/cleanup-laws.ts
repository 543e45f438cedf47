import assert from 'node:assert/strict';
import type { Network } from '@slipway/plugin-api';
import type { Law } from '../law.js';
import { attached, requestOf } from './container.js';
import { becomes, settled } from './leftovers.js';
import type { NetworkLaws } from './network-laws.js';

/** Those who are no more (law 5). */
export function cleanupLaws(law: Law<Network>, { use, module, features }: NetworkLaws): void {
  law(
    'cleanup detaches those that are not among the living, and takes everything of theirs',
    async ({ instance: network, root }) => {
      for (const name of ['a', 'b']) await network.create(name);
      const before = await settled(network, use(), root, ['a', 'b']);
      const gone = use().namespace();
      await network.attach(requestOf('gone', gone, ['a', 'b']));
      gone.close();
      const there = use().namespace();
      await network.attach(requestOf('there', there, ['a']));
      await network.cleanup(new Set(['another']));
      for (const id of ['gone', 'there']) assert.deepEqual(await network.attachments(id), []);
      assert.deepEqual((await network.inspect('a')).attached, []);
      await becomes(use(), root, before);
    },
  );

  law('cleanup leaves the living as they are', async ({ instance: network }) => {
    await network.create('n');
    const ports =
      features.firewall === 'none'
        ? {}
        : { ports: [{ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 47_080, containerPort: 80 } as const] };
    const outside = use().outside();
    const elsewhere = use().agent(outside);
    const one = await attached(network, use(), 'one', ['n'], ports);
    const two = await attached(network, use(), 'two', ['n']);
    await attached(network, use(), 'gone', ['n']);
    await one.agent.serve('tcp', 'one', 80);
    await network.cleanup(new Set(['one', 'two']));
    assert.deepEqual(await network.attachments('one'), one.attachments);
    assert.deepEqual(await network.attachments('two'), two.attachments);
    assert.deepEqual(await network.attachments('gone'), []);
    assert.match(await two.agent.asks({ protocol: 'tcp', host: one.address(), port: 80 }, /^one/), /^one/);
    if (features.firewall !== 'none') {
      assert.match(await elsewhere.asks({ protocol: 'tcp', host: outside.host[4], port: 47_080 }, /^one/), /^one/);
    }
    if (features.names) assert.equal(await two.agent.resolve('one', 4, two.attachments[0]?.nameservers[0] ?? ''), one.address());
    // Their addresses are still theirs.
    const next = await attached(network, use(), 'next', ['n']);
    assert.ok(![one.address(), two.address()].includes(next.address()));
  });

  if (module !== undefined) {
    law('cleanup of another process leaves an attach alone that goes on', async ({ instance: network, start }) => {
      await network.create('n');
      const child = start([['storm', 'n', 8]]);
      let isRunning = true;
      const ended = child.result.finally(() => {
        isRunning = false;
      });
      while (isRunning) {
        await network.cleanup(new Set());
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await ended;
      const { outcomes } = await child.result;
      assert.equal(outcomes.at(-1), 'done', outcomes.join(', '));
    });
  }
}
