import assert from 'node:assert/strict';
import { allowedPort, attacks, broadcast, hasMarker, marker } from './egress-scene.ts';
import { arp, ethernet, icmp, ip, protocols, tcp, tcpFlags, udp } from './frames.ts';

attacks((law) => {
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
    const neighbours = world.host.inside(peer.namespace, 'ip', 'neighbour', 'show', 'dev', 'eth0');
    assert.doesNotMatch(
      neighbours.replaceAll(new RegExp(`^(${address[4].replaceAll('.', '\\.')}|${address[6]}) .*$`, 'gm'), ''),
      new RegExp(mac),
    );
  });
});

const addressOf = (address: string): Buffer => ip('::', address, 59, Buffer.alloc(0)).subarray(24, 40);
