import { describe, expect, it } from 'vitest';
import { isPublicAddress } from '../dist/addresses.js';
import { parseChallenges } from '../dist/challenge.js';
import { transportError } from '../dist/transport-errors.js';

const system = (code: string, name = 'Error'): Error => Object.assign(new Error(`${code} happened`), { code, name });

describe('transportError', () => {
  it.each([
    ['ENOTFOUND', 'not-found', 'REGISTRY_HOST_NOT_FOUND'],
    ['EAI_AGAIN', 'unavailable', 'REGISTRY_NAME_RESOLUTION'],
    ['EHOSTUNREACH', 'unavailable', 'REGISTRY_UNREACHABLE'],
    ['UND_ERR_CONNECT_TIMEOUT', 'unavailable', 'REGISTRY_TIMEOUT'],
    ['CERT_HAS_EXPIRED', 'failed-precondition', 'REGISTRY_TLS_EXPIRED'],
    ['CERT_REVOKED', 'failed-precondition', 'REGISTRY_TLS_FAILED'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'failed-precondition', 'REGISTRY_TLS_FAILED'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'failed-precondition', 'REGISTRY_TLS_CLIENT_CERTIFICATE_REQUIRED'],
    ['EWHATEVER', 'internal', 'INTERNAL'],
  ])('%s is %s', (code, kind, expected) => {
    expect(transportError('asking "x"', system(code))).toMatchObject({ kind, code: expected });
  });
});

describe('isPublicAddress', () => {
  it.each(['1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1', '2606:4700::1', '64:ff9b::1.1.1.1', '::ffff:8.8.8.8'])(
    '%s is',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
  it.each([
    ...[
      '0.0.0.0',
      '127.0.0.1',
      '10.1.2.3',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '169.254.169.254',
      '100.64.0.1',
      '224.0.0.1',
      '255.255.255.255',
    ],
    ...[
      '::',
      '::1',
      'fe80::1',
      'fc00::1',
      'fd12::1',
      'ff02::1',
      '::ffff:127.0.0.1',
      '::ffff:a00:1',
      '64:ff9b::10.0.0.1',
      '64:ff9b:1::7f00:1',
      '2002:a9fe:a9fe::1',
      '2001:0:7f00:1::',
      '::127.0.0.1',
      '64:ff9b::7f00:1',
      '::ffff:0:127.0.0.1',
      'fe80::1%eth0',
      '127.0.0.1%lo',
      'junk',
      '',
    ],
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe('parseChallenges', () => {
  const plain = (header: string | string[]): unknown =>
    parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

  it.each([
    ['Basic realm="x"', [['basic', { realm: 'x' }]]],
    [
      'Bearer realm="https://a/t",service="s",scope="repository:a:pull,push"',
      [['bearer', { realm: 'https://a/t', service: 's', scope: 'repository:a:pull,push' }]],
    ],
    [
      'Negotiate, Basic realm="a, Bearer realm=\\"b\\"" , bearer realm = c',
      [
        ['negotiate', {}],
        ['basic', { realm: 'a, Bearer realm="b"' }],
        ['bearer', { realm: 'c' }],
      ],
    ],
    ['Bearer realm="first",realm="second"', [['bearer', { realm: 'first' }]]],
    ['BEARER REALM="x"', [['bearer', { realm: 'x' }]]],
    ['', []],
    [',,, ', []],
    ['realm="x"', []],
    ['Bearer realm="unclosed', [['bearer', {}]]],
    ['"', []],
  ])('%s', (header, expected) => {
    expect(plain(header)).toEqual(expected);
  });

  it('takes several headers, and any bytes without hanging', () => {
    expect(plain(['Basic realm="x"', 'Bearer realm="y"'])).toEqual([
      ['basic', { realm: 'x' }],
      ['bearer', { realm: 'y' }],
    ]);
    for (const hostile of ['"\\'.repeat(100_000), 'a='.repeat(100_000), ' '.repeat(100_000), 'Bearer a="'.repeat(10_000)])
      parseChallenges(hostile);
  });
});
