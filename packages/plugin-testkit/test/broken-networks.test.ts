import { type LawRunner, networkLaws } from '@slipway/plugin-testkit';
import { describe, expect, it, vi } from 'vitest';
import { CollectingRunner } from './collecting-runner.ts';
import type { NetworkFault } from './plain-network.ts';
import { opener, openSubject } from './plain-network-subject.ts';

const module = new URL('./plain-network-subject.ts', import.meta.url).href;

// A process is started and killed for each time that a step comes.
vi.setConfig({ testTimeout: 900_000 });

/** Of each fault a law that forbids it. */
const faults: readonly (readonly [fault: NetworkFault, law: string])[] = [
  ['leaks an address when attach fails', 'an address that is taken is failed-precondition, and nothing of the attach is left'],
  ['gives one address twice', 'twenty that attach at once get addresses and interfaces of their own'],
  ['needs the namespace to detach', 'detach takes back what is left when the namespace went before'],
  ['needs the namespace to detach', 'detach takes back what is left when the interface went before'],
  ['forgets attachments in other processes', 'attachments are told as attach told them, in order; of nobody there are none'],
  ['cleans up the living', 'cleanup leaves the living as they are'],
  ['cleans up nothing', 'cleanup detaches those that are not among the living, and takes everything of theirs'],
  ['publishes nothing', 'a published port leads in, from elsewhere and from the host, until the container is detached'],
  ['publishes for ever', 'cleanup detaches those that are not among the living, and takes everything of theirs'],
  ['publishes everywhere', 'a port that is published at one address is not at another'],
  ['lets everything out', 'with a policy that allows nothing, nobody is reached: no address, protocol or family, and no host'],
  ['lets UDP out', 'with a policy that allows nothing, nobody is reached: no address, protocol or family, and no host'],
  ['lets UDP out', 'names lead nowhere that is not listed: no resolver is asked but for listed names'],
  ['lets IPv6 out', 'with a policy that allows nothing, nobody is reached: no address, protocol or family, and no host'],
  ['lets other addresses out', 'whatever it does with its interface, addresses and routes, nothing more gets out'],
  ['lets everything in by no reply', 'published ports are answered'],
  ['makes its rules anew', 'a network that is joined later is no way out, from its first packet on'],
  ['has no NAT', 'the default route leads out, and back: servers elsewhere see the host'],
  [
    'leads from one network to another',
    'those of different networks do not reach each other, also where a route of their own leads there',
  ],
  ['leads out of internal networks', 'an internal network leads nowhere else, and has no default route'],
  ['ignores fixed addresses', 'a fixed address and a fixed MAC address are had, and told'],
  ['tells another MAC address', 'a fixed address and a fixed MAC address are had, and told'],
  ['ignores the MTU', 'those of one network reach each other, and have what was said'],
  ['overlaps', 'a subnet that overlaps another network’s is failed-precondition, and nothing is made'],
  ['overlaps', 'a subnet that overlaps a route of the host is failed-precondition, and nothing is made'],
  [
    'removes networks in use',
    'a network with somebody in it is not removed; then it is gone from the host, and its name and subnet are free',
  ],
  ['attaches twice', 'a second attach of an id to a network is already-exists, and changes nothing'],
  ['attaches by half', 'an address that is taken is failed-precondition, and nothing of the attach is left'],
  [
    'takes the host for a container',
    'a namespace that is none, and the host’s own, are refused, and nothing of the attach is left',
  ],
  ['heeds no signal', 'an attach that was canceled before it began makes nothing'],
];

const named = new Set(faults.map(([, law]) => law));

// What fails for a broken network alone, the sound one must keep. Those that none of these breaks are kept by network-cni.
const runner: LawRunner = {
  describe: (_, body) => body(),
  it(name, body) {
    if (named.has(name)) it(name, body);
  },
};
await networkLaws(runner, openSubject, { module });

describe('broken networks are told from sound ones', () => {
  it.each(faults)('one that %s: %s', async (fault, law) => {
    const runner = new CollectingRunner();
    // An answer that never comes is not waited for as long as one that may be late.
    await networkLaws(runner, opener(fault), { module, tries: 10 });
    expect(await runner.outcomeOf(law)).toBeInstanceOf(Error);
  });
});
