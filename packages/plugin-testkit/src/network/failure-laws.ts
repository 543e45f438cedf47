import assert from 'node:assert/strict';
import type { JoinNetwork, Network, Step } from '@slipway/plugin-api';
import { stepChannel } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { attached, requestOf } from './container.js';
import { becomes, settled, untouched } from './leftovers.js';
import type { NetworkLaws } from './network-laws.js';

/** An attach that fails is as none (law 2), and says why. */
export function failureLaws(law: Law<Network>, { use, steps = [] }: NetworkLaws): void {
  const subnets = [{ subnet: '10.99.0.0/29' }];

  law('a second attach of an id to a network is already-exists, and changes nothing', async ({ instance: network, root }) => {
    for (const name of ['a', 'b']) await network.create(name);
    await settled(network, use(), root, ['a', 'b']);
    const one = await attached(network, use(), 'c', ['a']);
    const port = await one.agent.serve('tcp', 'c');
    const two = await attached(network, use(), 'two', ['a']);
    const before = use().state(root);
    await expectKind(network.attach(requestOf('c', one.namespace, ['a'])), 'already-exists');
    await expectKind(network.attach(requestOf('c', one.namespace, ['b', 'a'])), 'already-exists');
    await expectKind(network.attach(requestOf('new', use().namespace(), ['b', 'b'])), 'already-exists');
    assert.deepEqual(await network.attachments('c'), one.attachments);
    await becomes(use(), root, before);
    assert.match(await two.agent.asks({ protocol: 'tcp', host: one.address(), port }, /^c/), /^c /);
  });

  law(
    'an address that is taken is failed-precondition, and nothing of the attach is left',
    async ({ instance: network, root }) => {
      await network.create('a');
      await network.create('n', { subnets });
      const before = await settled(network, use(), root, ['a', 'n']);
      const fixed = { network: 'n', addresses: ['10.99.0.5'] };
      const holder = await attached(network, use(), 'holder', [fixed]);
      using namespace = use().namespace();
      await expectKind(network.attach(requestOf('c', namespace, ['a', fixed])), 'failed-precondition');
      await expectKind(
        network.attach(requestOf('c', namespace, [{ network: 'n', addresses: ['10.99.0.1'] }])),
        'failed-precondition',
      );
      untouched(use(), namespace);
      assert.deepEqual(await network.attachments('c'), []);
      await network.detach('holder', { namespace: holder.namespace.path });
      await holder.agent[Symbol.asyncDispose]();
      await becomes(use(), root, before);
      const again = await network.attach(requestOf('c', namespace, ['a', fixed]));
      assert.equal(again[1]?.addresses[0], '10.99.0.5/29');
    },
  );

  const wrong: readonly (readonly [why: string, JoinNetwork])[] = [
    ['no address', { network: 'n', addresses: ['somewhere'] }],
    ['an address elsewhere', { network: 'n', addresses: ['10.98.0.2'] }],
    ['the address of the network', { network: 'n', addresses: ['10.99.0.0'] }],
    ['the address of all', { network: 'n', addresses: ['10.99.0.7'] }],
    ['two addresses of a family', { network: 'n', addresses: ['10.99.0.3', '10.99.0.4'] }],
    ['no MAC address', { network: 'n', mac: '02:42' }],
    ['the MAC address of a group', { network: 'n', mac: '01:00:5e:00:00:01' }],
    ['the MAC address of nobody', { network: 'n', mac: '00:00:00:00:00:00' }],
  ];
  law('what makes no sense is invalid-argument, and nothing of the attach is left', async ({ instance: network, root }) => {
    await network.create('a');
    await network.create('n', { subnets });
    const before = await settled(network, use(), root, ['a', 'n']);
    using namespace = use().namespace();
    for (const [why, join] of wrong) {
      await expectKind(network.attach(requestOf('c', namespace, ['a', join])), 'invalid-argument').catch((error: unknown) => {
        throw new Error(why, { cause: error });
      });
    }
    for (const id of ['', '../c', 'a/b', 'a b', 'x'.repeat(200)]) {
      await expectKind(network.attach(requestOf(id, namespace, ['a'])), 'invalid-argument');
      await expectKind(network.detach(id), 'invalid-argument');
    }
    untouched(use(), namespace);
    await becomes(use(), root, before);
  });

  law(
    'a namespace that is none, and the host’s own, are refused, and nothing of the attach is left',
    async ({ instance: network, root }) => {
      await network.create('n');
      const before = await settled(network, use(), root, ['n']);
      for (const path of ['/no/such/file', '/dev/null', '/proc/self/ns/mnt', '/proc/self/ns/net']) {
        const request = { id: 'c', namespace: path, networks: [{ network: 'n' }], names: ['c'] };
        await assert.rejects(network.attach(request), path);
      }
      assert.deepEqual(await network.attachments('c'), []);
      await becomes(use(), root, before);
    },
  );

  law('when no address is free it is resource-exhausted; one that is given back is free', async ({ instance: network, root }) => {
    await network.create('n', { subnets: [{ subnet: '10.99.0.0/30' }] });
    const before = await settled(network, use(), root, ['n']);
    const [one, two] = [use().namespace(), use().namespace()];
    await network.attach(requestOf('one', one, ['n']));
    await expectKind(network.attach(requestOf('two', two, ['n'])), 'resource-exhausted');
    untouched(use(), two);
    await network.detach('one', { namespace: one.path });
    await network.attach(requestOf('two', two, ['n']));
    await network.detach('two', { namespace: two.path });
    await becomes(use(), root, before);
  });

  law('an attach that was canceled before it began makes nothing', async ({ instance: network, root }) => {
    await network.create('n');
    const before = await settled(network, use(), root, ['n']);
    using namespace = use().namespace();
    await expectKind(network.attach(requestOf('c', namespace, ['n'], { signal: AbortSignal.abort() })), 'canceled');
    untouched(use(), namespace);
    await becomes(use(), root, before);
  });

  law('an attach that is canceled at whichever step leaves nothing, or is done', async ({ instance: network, root }) => {
    for (const name of ['a', 'b']) await network.create(name);
    const before = await settled(network, use(), root, ['a', 'b']);
    for (const name of steps.filter((step) => step.includes('.attach.'))) {
      for (let times = 1; ; times++) {
        using namespace = use().namespace();
        const isReached = await canceledAt(network, requestOf('c', namespace, ['a', 'b']), name, times);
        if (!isReached) await network.detach('c', { namespace: namespace.path });
        untouched(use(), namespace);
        await becomes(use(), root, before);
        if (!isReached) break;
      }
    }
  });

  law('an attach that is canceled at any moment leaves nothing, or is done', async ({ instance: network, root }) => {
    for (const name of ['a', 'b']) await network.create(name);
    const before = await settled(network, use(), root, ['a', 'b']);
    for (let round = 0; round < 8; round++) {
      using namespace = use().namespace();
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(), round * 12);
      const made = await network.attach(requestOf('c', namespace, ['a', 'b'], { signal: abort.signal })).catch(() => undefined);
      clearTimeout(timer);
      assert.deepEqual(await network.attachments('c'), made ?? []);
      if (made !== undefined) await network.detach('c', { namespace: namespace.path });
      untouched(use(), namespace);
      await becomes(use(), root, before);
    }
  });
}

/** False when it was done before the step came this often, or came too late to be heeded: then it is attached. */
async function canceledAt(
  network: Network,
  request: ReturnType<typeof requestOf>,
  name: string,
  times: number,
): Promise<boolean> {
  const abort = new AbortController();
  let left = times;
  const listen = (message: unknown): void => {
    if ((message as Step).name !== name) return;
    left -= 1;
    if (left === 0) abort.abort();
  };
  stepChannel.subscribe(listen);
  try {
    await network.attach({ ...request, signal: abort.signal });
    assert.notDeepEqual(await network.attachments('c'), []);
    return false;
  } catch (error) {
    await expectKind(Promise.reject(error), 'canceled');
    assert.deepEqual(await network.attachments('c'), []);
    return true;
  } finally {
    stepChannel.unsubscribe(listen);
  }
}
