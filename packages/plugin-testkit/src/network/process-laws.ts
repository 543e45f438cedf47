import assert from 'node:assert/strict';
import type { Network } from '@slipway/plugin-api';
import { allResults } from '../children/child-process.js';
import type { Law } from '../law.js';
import type { NetworkLaws } from './network-laws.js';
import type { NetworkOperation } from './operator.js';

/** Several processes on one root (law 3). */
export function processLaws(law: Law<Network>, { use }: NetworkLaws): void {
  law('a hundred that two processes attach at once get addresses of their own', async ({ instance: network, start, root }) => {
    await network.create('n');
    const children = [0, 1].map(() => start<NetworkOperation>([['crowd', 'n', 50]]));
    const addresses = (await allResults(children)).flatMap(({ outcomes }) => outcomes[0]?.split(' ') ?? []);
    assert.equal(new Set(addresses).size, 100, addresses.join(' '));
    assert.equal((await network.inspect('n')).attached.length, 100);
    await network.cleanup(new Set());
    assert.deepEqual((await network.inspect('n')).attached, []);
    assert.ok(
      !use()
        .state(root)
        .interfaces.some((name) => /^veth/.test(name)),
    );
  });

  law('processes that create one network at once make one', async ({ instance: network, start }) => {
    const children = Array.from({ length: 4 }, () => start<NetworkOperation>([['create', 'n']]));
    const said = (await allResults(children)).map(({ outcomes }) => outcomes[0]);
    for (const [outcome, count] of [
      ['done', 1],
      ['already-exists', 3],
    ] as const) {
      assert.equal(said.filter((each) => each === outcome).length, count, said.join(', '));
    }
    assert.equal((await network.list()).filter(({ name }) => name === 'n').length, 1);
  });

  law('processes that create networks at once give each its own subnet and bridge', async ({ instance: network, start }) => {
    const children = Array.from({ length: 3 }, (_, index) =>
      start<NetworkOperation>([0, 1, 2].map((each) => ['create', `n${index}-${each}`] as const)),
    );
    await allResults(children);
    const made = await network.list();
    assert.equal(new Set(made.map(({ subnets }) => subnets[0]?.subnet)).size, made.length);
    assert.equal(new Set(made.map(({ bridge }) => bridge)).size, made.length);
  });

  law('one that attaches while another removes the network attaches, or finds none', async ({ instance: network, start }) => {
    const operations = Array.from({ length: 6 }, () => [['create', 'n'] as const, ['remove', 'n'] as const]).flat();
    const children = [
      start<NetworkOperation>(operations),
      ...[0, 1].map((index) => start<NetworkOperation>(attempts(`c${index}`))),
    ];
    const known = /^(done|not-found|failed-precondition|already-exists|\d[\d.:/ ]*)$/;
    for (const { outcomes } of await allResults(children)) for (const outcome of outcomes) assert.match(outcome, known);
    await network.cleanup(new Set());
    for (const { name } of await network.list()) await network.remove(name);
  });
}

function attempts(id: string): NetworkOperation[] {
  return Array.from({ length: 6 }, () => [['attach', id, ['n']] as const, ['detach', id] as const]).flat();
}
