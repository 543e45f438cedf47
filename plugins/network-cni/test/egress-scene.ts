import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttachNetworksRequest, Network } from '@slipway/plugin-api';
import { attached, onHosts, type TestContainer, type TestHost, type TestOutside } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { ethernet, ip } from './frames.ts';
import { openSubject } from './subject.ts';
import { openWire, type Wire } from './wire.ts';

// A restricted container with every right in its own network namespace, and a packet socket. Whoever else is there looks for its frames: a machine outside, another container of
// the network, and the host's programs.

const { runner, use } = onHosts({ describe, it });
export const broadcast = 'ff:ff:ff:ff:ff:ff';
export const allowedPort = 443;

export interface Scene extends AsyncDisposable {
  readonly host: TestHost;
  readonly network: Network;
  readonly outside: TestOutside;
  readonly one: TestContainer;
  readonly peer: TestContainer;
  readonly evil: Wire;
  /** Frames with these bytes, or that are such, that came to somebody. */
  escaped(is: (frame: Buffer) => boolean): Promise<readonly string[]>;
  readonly mac: string;
  readonly peerMac: string;
  readonly bridgeMac: string;
  readonly address: Readonly<Record<4 | 6, string>>;
  readonly peerAddress: Readonly<Record<4 | 6, string>>;
  readonly gateway: Readonly<Record<4 | 6, string>>;
}

export const marker = Buffer.from('ESCAPED-FRAME-OF-A-CONTAINER');
export const hasMarker = (frame: Buffer): boolean => frame.includes(marker);

async function scene(rest: Pick<AttachNetworksRequest, 'ports'> = {}): Promise<Scene> {
  const host = use();
  const stack = new AsyncDisposableStack();
  const root = stack.adopt(mkdtempSync(join(tmpdir(), 'slipway-egress-')), (folder) =>
    rmSync(folder, { recursive: true, force: true }),
  );
  const { instance: network } = await openSubject(root);
  const outside = host.outside();
  await network.create('n', { subnets: [{ subnet: '10.99.0.0/24' }, { subnet: 'fd99::/64' }] });
  const peer = await attached(network, host, 'peer', ['n']);
  const egress = {
    allow: [
      { host: outside.addresses[4], port: allowedPort, protocol: 'tcp' as const },
      { host: outside.addresses[6], port: allowedPort, protocol: 'tcp' as const },
    ],
  };
  const one = await attached(network, host, 'one', ['n'], { egress, ...rest });
  // Both know the way to the gateway from here on.
  for (const { agent } of [peer, one]) await agent.ask({ protocol: 'tcp', host: '10.99.0.1', port: 1, timeoutMs: 200 });
  const evil = stack.use(await openWire('eth0', one.namespace));
  const watched = [stack.use(await openWire('out1', outside)), stack.use(await openWire('eth0', peer.namespace))];
  stack.defer(async () => await network.cleanup(new Set()));
  const [link] = JSON.parse(execFileSync('ip', ['-json', 'link', 'show', 'dev', 'slipway1'], { encoding: 'utf8' })) as [
    { readonly address: string },
  ];
  const both = (container: TestContainer): Record<4 | 6, string> => ({ 4: container.address(4), 6: container.address(6) });
  return {
    host,
    network,
    outside,
    one,
    peer,
    evil,
    mac: one.attachments[0]!.mac,
    peerMac: peer.attachments[0]!.mac,
    bridgeMac: link.address,
    address: both(one),
    peerAddress: both(peer),
    gateway: { 4: '10.99.0.1', 6: 'fd99::1' },
    async escaped(is) {
      // What was let through is there by now, or soon.
      await new Promise((resolve) => setTimeout(resolve, 150));
      const all = await Promise.all(watched.map((wire) => wire.take()));
      return all
        .flat()
        .filter(is)
        .map((frame) => frame.toString('hex'));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

type Law = (name: string, body: (world: Scene) => Promise<void>, rest?: Pick<AttachNetworksRequest, 'ports'>) => void;

/** Twice: the kernel's packet filter may or may not see what stays on a bridge. */
export function attacks(define: (law: Law) => void): void {
  runner.describe('a process with a packet socket in a restricted container', () => {
    for (const isNetfilterOnBridges of ['1', '0']) {
      runner.describe(`with bridge-nf-call ${isNetfilterOnBridges}`, () => {
        define((name, body, rest = {}) =>
          runner.it(name, async () => {
            for (const family of ['iptables', 'ip6tables', 'arptables']) bridgeSetting(family, isNetfilterOnBridges);
            await using world = await scene(rest);
            await body(world);
          }));
      });
    }
  });
}

function bridgeSetting(family: string, value: string): void {
  try {
    writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${family}`, value);
  } catch {
    // Without br_netfilter it is as if it was off.
  }
}

export function frameOf(via: string, source: string, from: string, to: string, protocol: number, payload: Buffer): Buffer {
  return ethernet(via, source, to.includes(':') ? 0x86dd : 0x0800, ip(from, to, protocol, payload));
}
