import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type LawRunner, networkLaws } from '@slipway/plugin-testkit';
import { describe, expect, it, vi } from 'vitest';
import { openSubject } from './nftables-subject.ts';

// A process is started and killed for each time that a step comes.
vi.setConfig({ testTimeout: 900_000 });

/** Groups and laws that are kept by code that knows of no firewall. laws.test.ts has them, with iptables. */
const leftOut = new Set([
  'manifest agreement',
  'networks',
  'addresses come out of the range alone',
  'a fixed address and a fixed MAC address are had, and told',
  'attachments are told as attach told them, in order; of nobody there are none',
  'what makes no sense is invalid-argument, and nothing of the attach is left',
  'a namespace that is none, and the host’s own, are refused, and nothing of the attach is left',
  'when no address is free it is resource-exhausted; one that is given back is free',
  'an attach that was canceled before it began makes nothing',
  'detach finds the namespace by itself where it still is',
  'whoever is attached later is found, and whoever is detached no more',
  'one name of several containers is all of them',
  'a renamed one is found by its new name, and its aliases, and no more by the old',
  'a hundred that two processes attach at once get addresses of their own',
  'processes that create one network at once make one',
  'processes that create networks at once give each its own subnet and bridge',
]);
const unknown = new Set(leftOut);

const runner: LawRunner = {
  describe(name, body) {
    unknown.delete(name);
    if (!leftOut.has(name)) describe(name, body);
  },
  it(name, body) {
    unknown.delete(name);
    if (!leftOut.has(name)) it(name, body);
  },
};

await networkLaws(runner, openSubject, {
  module: new URL('./nftables-subject.ts', import.meta.url).href,
  reboot: (root) => rm(join(root, 'state'), { recursive: true }),
  steps: ['network.firewall.bridge', 'network.firewall.prepared', 'network.firewall.published', 'network.attach.published'],
});

it('what is left out are laws', () => {
  expect([...unknown]).toEqual([]);
});
