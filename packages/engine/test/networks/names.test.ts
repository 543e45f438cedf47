import type { NetworkAttachment } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { namesOf } from '../../dist/networks/attach-networks.js';
import { hostsFile, resolvConf } from '../../dist/networks/name-files.js';

const attachment = (more: Partial<NetworkAttachment> = {}): NetworkAttachment => ({
  network: 'a',
  interface: 'eth0',
  mac: '02:42:ac:11:00:02',
  addresses: ['10.0.0.2/24', 'fd00::2/64'],
  gateways: ['fd00::1', '10.0.0.1'],
  mtu: 1500,
  nameservers: ['10.0.0.1'],
  search: ['a'],
  ...more,
});

it('a container whose name no host can have is found by its others', () => {
  for (const name of ['web-', 'a..b', 'x.', '10.0.0.1', 'n'.repeat(64)])
    expect(namesOf('a'.repeat(64), name, 'host')).toEqual(['host', 'a'.repeat(12)]);
  expect(namesOf('a'.repeat(64), 'web_1.x', undefined)).toEqual(['web_1.x', 'a'.repeat(12)]);
});

describe('/etc/hosts', () => {
  it('has the container at each of its addresses, and what was asked for', () => {
    const settings = {
      extraHosts: [
        { name: 'gate', address: 'host-gateway' },
        { name: 'db', address: '192.0.2.1' },
      ],
    };
    const text = hostsFile({ settings, hostname: 'web', domainname: 'example.com', attachments: [attachment()] });
    expect(text.split('\n').slice(6)).toEqual([
      '10.0.0.2\tweb.example.com web',
      'fd00::2\tweb.example.com web',
      '10.0.0.1\tgate',
      '192.0.2.1\tdb',
      '',
    ]);
  });

  it('has it on the loopback where it joins nothing', () => {
    expect(hostsFile({ settings: {}, hostname: 'web', domainname: undefined, attachments: [] })).toMatch(
      /\n127\.0\.0\.1\tweb\n$/,
    );
  });

  it('knows no gateway of a network that has none', () => {
    const settings = { extraHosts: [{ name: 'gate', address: 'host-gateway' }] };
    expect(() =>
      hostsFile({ settings, hostname: 'web', domainname: undefined, attachments: [attachment({ gateways: [] })] }),
    ).toThrow(expect.objectContaining({ kind: 'failed-precondition', code: 'HOST_GATEWAY_UNKNOWN' }));
  });
});

describe('/etc/resolv.conf', () => {
  it('asks the networks, each once, with their search lists', () => {
    const attachments = [attachment(), attachment({ network: 'b', nameservers: ['10.0.0.1', '10.0.1.1'], search: ['b'] })];
    const settings = { dns: { options: ['ndots:2'] } };
    const lines = resolvConf({ settings, attachments, isAlone: false }).split('\n');
    expect(lines[0]).toMatch(/^search a b/);
    expect(lines.slice(1)).toEqual(['nameserver 10.0.0.1', 'nameserver 10.0.1.1', 'options ndots:2', '']);
  });

  it('says what the settings say where no network answers, and nothing of the host for one that joins none', () => {
    const silent = [attachment({ nameservers: [], search: [] })];
    const dns = { servers: ['192.0.2.53'], search: ['.'], options: [] };
    expect(resolvConf({ settings: { dns }, attachments: silent, isAlone: false })).toBe('nameserver 192.0.2.53\n');
    expect(resolvConf({ settings: {}, attachments: [], isAlone: true })).toBe('');
  });
});
