import assert from 'node:assert/strict';
import { allowedPort, attacks, broadcast, frameOf, hasMarker, marker } from './egress-scene.ts';
import { ethernet, icmp, ip, protocols, tcp, tcpFlags, u16, udp } from './frames.ts';

attacks((law) => {
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
});
