import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttachNetworksRequest, Network } from '@slipway/plugin-api';
import { attached, onHosts, type TestContainer, type TestOutside } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { arp, ethernet, icmp, ip, protocols, tcp, tcpFlags, u16, udp } from './frames.ts';
import { openSubject } from './subject.ts';
import { openWire, type Wire } from './wire.ts';

// A restricted container with every right in its own network namespace, and a packet socket. Whoever else is there looks for its frames: a machine outside, another container of
// the network, and the host's programs.

const { runner, use } = onHosts({ describe, it });
const broadcast = 'ff:ff:ff:ff:ff:ff';
const allowedPort = 443;

interface Scene extends AsyncDisposable {
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

const marker = Buffer.from('ESCAPED-FRAME-OF-A-CONTAINER');
const hasMarker = (frame: Buffer): boolean => frame.includes(marker);

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

runner.describe('a process with a packet socket in a restricted container', () => {
  for (const isNetfilterOnBridges of ['1', '0']) {
    runner.describe(`with bridge-nf-call ${isNetfilterOnBridges}`, () => {
      const law = (name: string, body: (world: Scene) => Promise<void>, rest: Pick<AttachNetworksRequest, 'ports'> = {}): void =>
        runner.it(name, async () => {
          for (const family of ['iptables', 'ip6tables', 'arptables']) bridgeSetting(family, isNetfilterOnBridges);
          await using world = await scene(rest);
          await body(world);
        });
      attacks(law);
    });
  }
});

function bridgeSetting(family: string, value: string): void {
  try {
    writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${family}`, value);
  } catch {
    // Without br_netfilter it is as if it was off.
  }
}

type Law = (name: string, body: (world: Scene) => Promise<void>, rest?: Pick<AttachNetworksRequest, 'ports'>) => void;

function attacks(law: Law): void {
  law('frames of the kind that is allowed do arrive: the test would see what escapes', async (world) => {
    const { evil, mac, bridgeMac, address, outside } = world;
    for (const family of [4, 6] as const) {
      const to = outside.addresses[family];
      const segment = tcp(address[family], to, 40_000, allowedPort, tcpFlags.syn, marker);
      await evil.send(frameOf(bridgeMac, mac, address[family], to, protocols.tcp, segment));
    }
    assert.equal((await world.escaped(hasMarker)).length, 2);
  });

  law('gets to nobody with addresses, ports and protocols that are not allowed', async (world) => {
    const { evil, mac, bridgeMac, peerMac, address, peerAddress, gateway, outside } = world;
    const frames: Buffer[] = [];
    for (const family of [4, 6] as const) {
      const from = address[family];
      for (const to of [outside.addresses[family], outside.host[family], peerAddress[family], gateway[family]]) {
        for (const via of [bridgeMac, peerMac, broadcast]) {
          const put = (protocol: number, payload: Buffer): unknown => frames.push(frameOf(via, mac, from, to, protocol, payload));
          for (const port of [53, 80, 5353, 1900, 65_535]) put(protocols.udp, udp(from, to, 53, port, marker));
          put(protocols.udp, udp(from, to, allowedPort, allowedPort, marker));
          for (const flags of [
            tcpFlags.syn,
            tcpFlags.syn | tcpFlags.ack,
            tcpFlags.ack | tcpFlags.psh,
            tcpFlags.rst,
            tcpFlags.fin,
            0,
            0x3f,
          ]) {
            put(protocols.tcp, tcp(from, to, 80, 40_001, flags, marker));
            put(protocols.tcp, tcp(from, to, allowedPort, 53, flags, marker));
          }
          for (const type of family === 4 ? [0, 3, 5, 8, 11, 13] : [1, 2, 3, 4, 128, 129, 130, 133, 134, 137, 143]) {
            put(
              family === 4 ? protocols.icmp : protocols.icmp6,
              icmp(from, to, type, 0, Buffer.concat([Buffer.alloc(4), marker])),
            );
          }
          for (const protocol of [0, 2, 4, protocols.ipv6, protocols.gre, 50, 103, protocols.sctp, 136, 253])
            put(protocol, Buffer.concat([Buffer.alloc(8), marker]));
        }
      }
    }
    await evil.send(...frames);
    assert.deepEqual(await world.escaped(hasMarker), []);
  });

  law('gets to nobody in the name of others, or of nobody', async (world) => {
    const { evil, mac, bridgeMac, peerMac, address, peerAddress, gateway, outside } = world;
    const frames: Buffer[] = [];
    for (const family of [4, 6] as const) {
      const names =
        family === 4
          ? ['10.99.0.77', '0.0.0.0', '127.0.0.1', '198.51.100.1', '169.254.1.1']
          : ['fd99::77', '::', '::1', 'fe80::1', '2001:db8:5::5'];
      for (const from of [...names, peerAddress[family], gateway[family], outside.addresses[family], address[family]]) {
        for (const source of [mac, peerMac, bridgeMac, '02:00:00:00:00:77']) {
          // That is itself, which is allowed.
          if (from === address[family] && source === mac) continue;
          for (const to of [outside.addresses[family], peerAddress[family]]) {
            for (const via of [bridgeMac, peerMac, broadcast]) {
              frames.push(
                frameOf(via, source, from, to, protocols.tcp, tcp(from, to, 40_002, allowedPort, tcpFlags.syn, marker)),
              );
              frames.push(frameOf(via, source, from, to, protocols.udp, udp(from, to, 40_002, 53, marker)));
            }
          }
        }
      }
    }
    await evil.send(...frames);
    assert.deepEqual(await world.escaped(hasMarker), []);
  });

  law('gets to nobody with frames that are no IP, have a tag, or go to groups', async (world) => {
    const { evil, mac, bridgeMac, peerMac, address, outside } = world;
    const to = outside.addresses[4];
    const packet = ip(address[4], to, protocols.tcp, tcp(address[4], to, 40_003, allowedPort, tcpFlags.syn, marker));
    const group = (destination: string, family: 4 | 6): Buffer =>
      ip(address[family], destination, protocols.udp, udp(address[family], destination, 5353, 5353, marker));
    const frames = [bridgeMac, peerMac, broadcast, '01:80:c2:00:00:00', '01:80:c2:00:00:0e', '01:00:5e:00:00:fb'].flatMap(
      (via) => [
        ...[0x88b5, 0x8847, 0x8863, 0x8864, 0x88cc, 0x888e, 0x8035, 0x22f0, 0x0060].map((type) =>
          ethernet(via, mac, type, Buffer.concat([packet, marker])),
        ),
        // Of IEEE 802.2: a length in place of a type.
        ethernet(via, mac, 60, Buffer.concat([Buffer.from([0x42, 0x42, 3]), marker])),
        ...[0, 1, 4095].flatMap((id) =>
          [0x8100, 0x88a8].map((type) => ethernet(via, mac, type, Buffer.concat([u16(id), u16(0x0800), packet]))),
        ),
        ethernet(via, mac, 0x8100, Buffer.concat([u16(1), u16(0x8100), u16(2), u16(0x0800), packet])),
      ],
    );
    for (const destination of [
      '224.0.0.251',
      '239.255.255.250',
      '255.255.255.255',
      '10.99.0.255',
      '169.254.169.254',
      '240.0.0.1',
      '0.0.0.1',
    ]) {
      for (const via of [bridgeMac, broadcast, '01:00:5e:00:00:fb', peerMac])
        frames.push(ethernet(via, mac, 0x0800, group(destination, 4)));
    }
    for (const destination of ['ff02::fb', 'ff02::1', 'ff05::2', 'fe80::1', 'ff0e::7']) {
      for (const via of [bridgeMac, broadcast, '33:33:00:00:00:fb', peerMac])
        frames.push(ethernet(via, mac, 0x86dd, group(destination, 6)));
    }
    await evil.send(...frames);
    assert.deepEqual(await world.escaped(hasMarker), []);
  });

  law('gets to nobody with fragments, whatever they hide or overwrite', async (world) => {
    const { evil, mac, bridgeMac, address, outside } = world;
    const frames: Buffer[] = [];
    let id = 100;
    for (const family of [4, 6] as const) {
      const [from, to] = [address[family], outside.addresses[family]];
      const allowed = tcp(from, to, 40_004, allowedPort, tcpFlags.syn, Buffer.alloc(40));
      const forbidden = tcp(from, to, 40_004, 25, tcpFlags.syn, Buffer.concat([Buffer.alloc(12), marker]));
      const part = (data: Buffer, offset: number, more: boolean, protocol: number = protocols.tcp): unknown =>
        frames.push(
          ethernet(
            bridgeMac,
            mac,
            family === 4 ? 0x0800 : 0x86dd,
            ip(from, to, protocol, data, { fragment: { offset, more, id } }),
          ),
        );
      // In two, in order and not; the ports in the second; written over by a later one; the end alone.
      for (const order of [0, 1]) {
        id += 1;
        const halves = [() => part(forbidden.subarray(0, 24), 0, true), () => part(forbidden.subarray(24), 24, false)];
        for (const half of order === 0 ? halves : halves.toReversed()) half();
      }
      id += 1;
      part(forbidden.subarray(0, 8), 0, true);
      part(forbidden.subarray(8), 8, false);
      id += 1;
      part(allowed.subarray(0, 24), 0, true);
      part(forbidden.subarray(0, 24), 0, true);
      part(forbidden.subarray(24), 24, false);
      id += 1;
      part(allowed.subarray(0, 8), 0, true);
      part(forbidden, 0, false);
      id += 1;
      part(marker, 64, false);
      part(marker, 1480, true, protocols.udp);
    }
    await evil.send(...frames);
    // However they are put together, what comes out of it goes to the port that is allowed; of a packet that leaves in parts, the first says where.
    const isAllowed = (frame: Buffer): boolean =>
      [36, 56, 64].some((at) => frame.length > at + 2 && frame.readUInt16BE(at) === allowedPort);
    const numberOf = (frame: Buffer): string =>
      (frame.readUInt16BE(12) === 0x0800 ? frame.subarray(18, 20) : frame.subarray(58, 62)).toString('hex');
    const left = (await world.escaped(() => true)).map((frame) => Buffer.from(frame, 'hex'));
    const parts = new Set(left.filter(isAllowed).map(numberOf));
    assert.deepEqual(
      left
        .filter((frame) => hasMarker(frame) && !isAllowed(frame) && !parts.has(numberOf(frame)))
        .map((frame) => frame.toString('hex')),
      [],
    );
  });

  law(
    'gets to nobody with headers before the payload, and with messages for neighbours to those that are none',
    async (world) => {
      const { evil, mac, bridgeMac, peerMac, address, peerAddress, outside } = world;
      const frames: Buffer[] = [];
      for (const to of [outside.addresses[6], peerAddress[6], 'ff02::1', 'ff02::1:ff00:2']) {
        for (const via of [bridgeMac, peerMac, '33:33:00:00:00:01']) {
          for (const type of [135, 136, 134, 137]) {
            const message = icmp(address[6], to, type, 0, Buffer.concat([Buffer.alloc(4), marker.subarray(0, 16), marker]));
            for (const ttl of [64, 255])
              frames.push(ethernet(via, mac, 0x86dd, ip(address[6], to, protocols.icmp6, message, { ttl })));
            for (const extension of [0, 43, 60, 135, 139]) {
              frames.push(
                ethernet(
                  via,
                  mac,
                  0x86dd,
                  ip(address[6], to, protocols.icmp6, message, {
                    ttl: 255,
                    extension: { type: extension, bytes: Buffer.alloc(8) },
                  }),
                ),
              );
            }
            frames.push(
              ethernet(
                via,
                mac,
                0x86dd,
                ip(address[6], to, protocols.icmp6, message, { ttl: 255, fragment: { offset: 0, more: false, id: 9 } }),
              ),
            );
          }
          for (const extension of [0, 43, 60]) {
            const datagram = udp(address[6], to, 1, 53, marker);
            frames.push(
              ethernet(
                via,
                mac,
                0x86dd,
                ip(address[6], to, protocols.udp, datagram, { extension: { type: extension, bytes: Buffer.alloc(8) } }),
              ),
            );
          }
        }
      }
      await evil.send(...frames);
      assert.deepEqual(await world.escaped(hasMarker), []);
    },
  );

  law('cannot take the place of another container or the gateway among neighbours', async (world) => {
    const { evil, mac, peerMac, bridgeMac, address, peerAddress, gateway, peer } = world;
    const claims = [peerAddress[4], gateway[4], '10.99.0.200'];
    const frames = claims.flatMap((claimed) =>
      [broadcast, peerMac, bridgeMac].flatMap((via) => [
        ethernet(via, mac, 0x0806, arp(1, mac, claimed, '00:00:00:00:00:00', peerAddress[4])),
        ethernet(via, mac, 0x0806, arp(2, mac, claimed, peerMac, peerAddress[4])),
        ethernet(via, mac, 0x0806, arp(2, mac, claimed, broadcast, claimed)),
        // In its own name, with somebody else's hardware address; and as somebody who has no address yet.
        ethernet(via, mac, 0x0806, arp(2, peerMac, address[4], peerMac, peerAddress[4])),
        ethernet(via, mac, 0x0806, arp(1, mac, '0.0.0.0', '00:00:00:00:00:00', claimed)),
        // With more in it than there is to say.
        ethernet(via, mac, 0x0806, arp(1, mac, address[4], '00:00:00:00:00:00', peerAddress[4], marker)),
      ]),
    );
    const option = Buffer.concat([Buffer.from([2, 1]), Buffer.from(mac.replaceAll(':', ''), 'hex')]);
    for (const claimed of [peerAddress[6], gateway[6]]) {
      for (const [via, to] of [
        ['33:33:00:00:00:01', 'ff02::1'],
        [peerMac, peerAddress[6]],
      ] as const) {
        const target = Buffer.concat([Buffer.from([0x20, 0, 0, 0]), addressOf(claimed), option]);
        for (const from of [address[6], claimed, 'fe80::1234']) {
          frames.push(ethernet(via, mac, 0x86dd, ip(from, to, protocols.icmp6, icmp(from, to, 136, 0, target), { ttl: 255 })));
        }
      }
    }
    await evil.send(...frames);
    const claimed = (frame: Buffer): boolean => {
      if (frame.readUInt16BE(12) === 0x0806) {
        const [sender, senderMac] = [[...frame.subarray(28, 32)].join('.'), frame.subarray(22, 28).toString('hex')];
        const own = { [address[4]]: mac, [peerAddress[4]]: peerMac, [gateway[4]]: bridgeMac }[sender];
        return (own ?? '').replaceAll(':', '') !== senderMac;
      }
      const isAdvertisement =
        frame.readUInt16BE(12) === 0x86dd &&
        frame[20] === 58 &&
        frame[54] === 136 &&
        frame.subarray(6, 12).toString('hex') === mac.replaceAll(':', '');
      return isAdvertisement && !frame.subarray(62, 78).equals(addressOf(address[6]));
    };
    assert.deepEqual(await world.escaped((frame) => hasMarker(frame) || claimed(frame)), []);
    const neighbours = use().inside(peer.namespace, 'ip', 'neighbour', 'show', 'dev', 'eth0');
    assert.doesNotMatch(
      neighbours.replaceAll(new RegExp(`^(${address[4].replaceAll('.', '\\.')}|${address[6]}) .*$`, 'gm'), ''),
      new RegExp(mac),
    );
  });

  law('gets to no service of the host, by whatever address, but for what is allowed', async (world) => {
    const { evil, mac, bridgeMac, address, gateway, outside, one } = world;
    const local = use().agent();
    const port = await local.serve('tcp', 'host');
    await local.serve('udp', 'host', port);
    for (const family of [4, 6] as const) {
      for (const host of [gateway[family], outside.host[family]]) {
        for (const protocol of ['tcp', 'udp'] as const) {
          const answer = await one.agent.ask({ protocol, host, port, timeoutMs: 300 });
          assert.match(answer, /^(timeout|E[A-Z]+)$/, `${protocol} ${host}`);
        }
      }
    }
    const frames = ['127.0.0.1', '127.0.0.2', '169.254.169.254', '255.255.255.255', '224.0.0.1', '10.99.0.255'].map((to) =>
      frameOf(bridgeMac, mac, address[4], to, protocols.udp, udp(address[4], to, 1000, port, marker)),
    );
    frames.push(frameOf(bridgeMac, mac, address[6], '::1', protocols.udp, udp(address[6], '::1', 1000, port, marker)));
    await evil.send(...frames);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(await local.seen(), []);
    assert.deepEqual(await world.escaped(hasMarker), []);
  });

  law(
    'sends from a published port to those who have asked it, and to nobody else',
    async (world) => {
      const { evil, mac, bridgeMac, address, outside, one } = world;
      await one.agent.serve('udp', 'one', 5000);
      const asking = use().agent(outside);
      assert.match(await asking.asks({ protocol: 'udp', host: outside.host[4], port: 47_500 }, /^one/), /^one/);
      await world.escaped(hasMarker);
      const others = ['203.0.113.3', outside.addresses[4]];
      const frames = others.flatMap((to) => [
        frameOf(bridgeMac, mac, address[4], to, protocols.udp, udp(address[4], to, 5000, 9999, marker)),
        frameOf(
          bridgeMac,
          mac,
          address[4],
          to,
          protocols.tcp,
          tcp(address[4], to, 5000, 9999, tcpFlags.syn | tcpFlags.ack, marker),
        ),
        // An error about a packet that never was.
        frameOf(
          bridgeMac,
          mac,
          address[4],
          to,
          protocols.icmp,
          icmp(
            address[4],
            to,
            3,
            3,
            Buffer.concat([Buffer.alloc(4), ip(to, address[4], protocols.udp, udp(to, address[4], 9999, 5000, marker))]),
          ),
        ),
      ]);
      await evil.send(...frames);
      assert.deepEqual(await world.escaped(hasMarker), []);
    },
    { ports: [{ protocol: 'udp', hostAddress: '0.0.0.0', hostPort: 47_500, containerPort: 5000 }] },
  );

  law('does not go on with what another container began at its address', async (world) => {
    const { network, outside } = world;
    const before = await attached(network, use(), 'before', [{ network: 'n', addresses: ['10.99.0.50'] }]);
    const server = use().agent(outside);
    const port = await server.serve('udp', 'outside');
    {
      await using wire = await openWire('eth0', before.namespace);
      const data = udp('10.99.0.50', outside.addresses[4], 6000, port, Buffer.from('hello'));
      for (let tries = 0; tries < 50 && (await server.seen()).length === 0; tries++) {
        await wire.send(
          frameOf(world.bridgeMac, before.attachments[0]!.mac, '10.99.0.50', outside.addresses[4], protocols.udp, data),
        );
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    assert.notDeepEqual(await server.seen(), []);
    await network.detach('before', { namespace: before.namespace.path });
    const after = await attached(network, use(), 'after', [{ network: 'n', addresses: ['10.99.0.50'] }], {
      egress: { allow: [] },
    });
    await using wire = await openWire('eth0', after.namespace);
    await world.escaped(hasMarker);
    const data = udp('10.99.0.50', outside.addresses[4], 6000, port, marker);
    await wire.send(frameOf(world.bridgeMac, after.attachments[0]!.mac, '10.99.0.50', outside.addresses[4], protocols.udp, data));
    assert.deepEqual(await world.escaped(hasMarker), []);
  });
}

const addressOf = (address: string): Buffer => ip('::', address, 59, Buffer.alloc(0)).subarray(24, 40);

function frameOf(via: string, source: string, from: string, to: string, protocol: number, payload: Buffer): Buffer {
  return ethernet(via, source, to.includes(':') ? 0x86dd : 0x0800, ip(from, to, protocol, payload));
}
