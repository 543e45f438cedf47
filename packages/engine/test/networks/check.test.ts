import type { ContainerSettings } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { checkNetwork } from '../../dist/networks/check.js';
import { networkMode, plainNetwork } from '../../dist/networks/mode.js';

const check = (settings: ContainerSettings, defaultNetwork = 'bridge') => checkNetwork(settings, defaultNetwork);

describe('settings of networks', () => {
  const good: readonly ContainerSettings[] = [
    {},
    { network: 'none' },
    { network: 'host', dns: { servers: ['192.0.2.1'] }, extraHosts: [{ name: 'a', address: 'host-gateway' }] },
    { network: 'container:web' },
    { network: 'default', ports: [{ containerPort: 80 }], egress: 'none' },
    {
      network: [
        { network: 'a', addresses: ['10.0.0.2', 'fd00::2'], mac: '02:42:AC:11:00:02', aliases: ['db_1'] },
        { network: 'b' },
      ],
    },
    {
      network: 'a',
      publishAll: true,
      egress: {
        allow: [
          { host: '*.example.com', port: 443 },
          { host: '10.0.0.0/8', protocol: 'udp' },
        ],
      },
    },
    {
      network: 'a',
      ports: [
        { containerPort: 80, hostPort: 80 },
        { containerPort: 80, hostPort: 80, protocol: 'udp' },
        { containerPort: 81, hostPort: 80, hostAddress: '::' },
      ],
    },
    { network: 'a', dns: { servers: ['fd00::53'], search: ['.', 'example.com.'], options: ['ndots:2', 'rotate'] } },
    { network: 'none', egress: 'all' },
  ];
  it.each(good)('are well as %j', (settings) => {
    expect(() => check(settings)).not.toThrow();
  });

  const bad: readonly (readonly [ContainerSettings, RegExp])[] = [
    [{ network: 'container:' }, /expected container:NAME/],
    [{ network: '../etc' }, /expected none, host, container:NAME or the name of a network/],
    [{ network: [{ network: 'host', aliases: ['x'] }] }, /the name of a network, where there are several/],
    [{ network: [{ network: 'a' }, { network: 'a' }] }, /each network once/],
    [{ network: [{ network: 'a', addresses: ['10.0.0.300'] }] }, /network address/],
    [{ network: [{ network: 'a', addresses: ['10.0.0.2', '10.0.0.3'] }] }, /one IPv4 and one IPv6/],
    [{ network: [{ network: 'a', mac: '01:00:00:00:00:00' }] }, /MAC address/],
    [{ network: [{ network: 'a', aliases: ['a b'] }] }, /network alias/],
    [{ network: 'a', ports: [{ containerPort: 0 }] }, /container port .* 1 to 65535/],
    [{ network: 'a', ports: [{ containerPort: 80, hostPort: 65_536 }] }, /host port .* 0 to 65535/],
    [{ network: 'a', ports: [{ containerPort: 80, hostAddress: 'localhost' }] }, /host address of a port/],
    [{ network: 'a', ports: [{ containerPort: 80, hostAddress: '::1' }] }, /loopback of IPv6/],
    [{ network: 'a', ports: [{ containerPort: 80, hostAddress: '0:0:0:0:0:0:0:1' }] }, /loopback of IPv6/],
    [
      {
        network: 'a',
        ports: [
          { containerPort: 80, hostPort: 1 },
          { containerPort: 81, hostPort: 1 },
        ],
      },
      /each port of the host once/,
    ],
    [{ ports: [{ containerPort: 80 }] }, /ports cannot be published for a container that has no network/],
    [{ network: 'host', publishAll: true }, /has the host's network/],
    [{ network: 'container:web', ports: [{ containerPort: 80 }] }, /has another container's network/],
    [{ egress: 'none' }, /from which nothing goes out/],
    [{ network: 'host', egress: { allow: [] } }, /where nothing stands between the two/],
    [{ network: 'container:web', egress: 'none' }, /which says what may go out/],
    [{ network: 'container:web', dns: {} }, /it has that one's files/],
    [{ network: 'a', egress: 'some' as 'all' }, /all, none or a list/],
    [{ network: 'a', egress: { allow: [{ host: '10.0.0.0/33' }] } }, /egress/],
    [{ network: 'a', egress: { allow: [{ host: '*.*.com' }] } }, /egress/],
    [{ network: 'a', egress: { allow: [{ host: 'a', port: 0 }] } }, /egress port/],
    [{ network: 'a', dns: { servers: ['dns.example'] } }, /DNS server/],
    [{ network: 'a', dns: { search: ['a b'] } }, /DNS search domain/],
    [{ network: 'a', dns: { options: ['x\nnameserver 1.1.1.1'] } }, /DNS option/],
    [{ extraHosts: [{ name: 'a\nb', address: '192.0.2.1' }] }, /name of a further host/],
    [{ extraHosts: [{ name: 'a', address: 'b' }] }, /address of host "a"/],
    [{ extraHosts: [{ name: 'a', address: 'host-gateway' }] }, /host-gateway is no address/],
  ];
  it.each(bad)('are refused as %j', (settings, message) => {
    expect(() => check(settings)).toThrow(
      expect.objectContaining({ kind: 'invalid-argument', message: expect.stringMatching(message) }),
    );
  });

  it('have no ports where the default network is none', () => {
    expect(() => check({ network: 'default', ports: [{ containerPort: 80 }] }, 'none')).toThrow('has no network');
  });
});

it('what the words of a network stand for', () => {
  const mode = (network: ContainerSettings['network'], defaultNetwork = 'bridge') => networkMode({ network }, defaultNetwork);
  expect(mode(undefined)).toEqual({ kind: 'none' });
  expect(mode('host')).toEqual({ kind: 'host' });
  expect(mode('container:web')).toEqual({ kind: 'container', name: 'web' });
  expect(mode('default')).toEqual({ kind: 'networks', networks: [{ network: 'bridge' }] });
  expect(mode('default', 'none')).toEqual({ kind: 'none' });
  expect(mode([])).toEqual({ kind: 'none' });
  expect(mode([{ network: 'default', aliases: ['a'] }, { network: 'b' }])).toEqual({
    kind: 'networks',
    networks: [{ network: 'bridge', aliases: ['a'] }, { network: 'b' }],
  });
  expect(plainNetwork([{ network: 'host' }])).toBe('host');
  expect(plainNetwork([{ network: 'a' }])).toEqual([{ network: 'a' }]);
});
