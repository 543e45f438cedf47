import { type Engine, type NetworkDetails, SlipwayError } from '@slipway/plugin-api';
import { beforeEach, expect, test, vi } from 'vitest';
import { completeNames } from '../src/commands/complete-names.js';
import { networkConnect } from '../src/commands/network-connect.js';
import { networkCreate } from '../src/commands/network-create.js';
import { networkDisconnect } from '../src/commands/network-disconnect.js';
import { networkInspect } from '../src/commands/network-inspect.js';
import { networkLs } from '../src/commands/network-ls.js';
import { networkPrune } from '../src/commands/network-prune.js';
import { networkRm } from '../src/commands/network-rm.js';
import { port } from '../src/commands/port.js';
import { prune } from '../src/commands/prune.js';
import type { Output } from '../src/output.js';
import { type Choice, makeProgram } from '../src/program.js';
import { carryOut, containersNamed, fakeEngine } from './fake-engine.js';

let engine: Engine;
vi.mock('../src/host.js', () => ({ withEngine: (_: unknown, use: (given: Engine) => unknown) => use(engine) }));

const calls: unknown[][] = [];
beforeEach(() => void calls.splice(0));

function noted<T>(call: unknown[], answer: T): T {
  calls.push(call);
  return answer;
}

function network(more: Partial<NetworkDetails>): NetworkDetails {
  return {
    name: 'web',
    driver: 'bridge',
    subnets: [{ subnet: '10.89.0.0/24', gateway: '10.89.0.1' }],
    internal: false,
    labels: {},
    options: {},
    default: false,
    containers: [],
    ...more,
  };
}

function notFound(name: string): SlipwayError {
  return new SlipwayError({ kind: 'not-found', code: 'NETWORK_NOT_FOUND', message: `no network "${name}" here` });
}

/** Through the real parser, without what was not given. */
function optionsOf(words: readonly string[]): Readonly<Record<string, unknown>> {
  let choice: Choice | undefined;
  const output = { out: () => undefined, err: () => undefined } as unknown as Output;
  makeProgram(output, (one) => {
    choice = one;
  }).parse(words, { from: 'user' });
  return choice?.command.opts() ?? {};
}

test('network create says what its flags say, and prints the name', async () => {
  engine = fakeEngine({ networks: { create: async (name, options) => noted([name, options], network({ name })) } });
  const create = (...flags: string[]) =>
    carryOut(networkCreate, {
      name: 'network create',
      args: ['web'],
      options: optionsOf(['network', 'create', ...flags, 'web']),
    });
  expect(await create()).toEqual({ code: 0, out: 'web\n', err: '' });
  expect(calls.pop()).toEqual(['web', {}]);
  await create(
    ...[
      '-d',
      'bridge',
      '--subnet',
      '10.90.0.0/24',
      '--subnet',
      'fd00:90::/64',
      '--gateway',
      'fd00:90::9',
      '--gateway',
      '10.90.0.9',
    ],
    ...[
      '--ip-range',
      '10.90.0.128/25',
      '--internal',
      '--ipv6',
      '--label',
      'a=b',
      '--label',
      'c',
      '-o',
      'mtu=1400',
      '-o',
      'isolate=true',
    ],
  );
  expect(calls.pop()).toEqual([
    'web',
    {
      driver: 'bridge',
      subnets: [
        { subnet: '10.90.0.0/24', gateway: '10.90.0.9', range: '10.90.0.128/25' },
        { subnet: 'fd00:90::/64', gateway: 'fd00:90::9' },
      ],
      internal: true,
      ipv6: true,
      labels: { a: 'b', c: '' },
      mtu: 1400,
      options: { isolate: 'true' },
    },
  ]);
  await create('--opt', 'com.docker.network.driver.mtu=9000');
  expect(calls.pop()).toEqual(['web', { mtu: 9000 }]);
});

test.each([
  [['--subnet', '10.90.0.0'], '--subnet "10.90.0.0": expected a network'],
  [['--subnet', '10.90.0.0/33'], 'expected a network'],
  [['--gateway', '10.90.0.1'], '--gateway 10.90.0.1: there is no --subnet that it could lie in'],
  [['--subnet', '10.90.0.0/24', '--gateway', '10.91.0.1'], '--gateway "10.91.0.1": expected one in 10.90.0.0/24'],
  [['--subnet', '10.90.0.0/24', '--gateway', '10.90.0.1', '--gateway', '10.90.0.2'], 'expected one for the subnet 10.90.0.0/24'],
  [['--subnet', '10.90.0.0/24', '--ip-range', '10.90.0.0/x'], '--ip-range "10.90.0.0/x": expected a part of a subnet'],
  [['-o', 'mtu=big'], '--opt "mtu=big": expected bytes from 68 to 65535'],
  [['-o', 'isolate'], '--opt "isolate": expected NAME=VALUE'],
])('network create %j is refused', async (flags, message) => {
  engine = fakeEngine({});
  const line = { name: 'network create', args: ['web'], options: optionsOf(['network', 'create', ...flags, 'web']) };
  await expect(carryOut(networkCreate, line)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(message) });
});

test('network ls has a table, names, JSON and filters', async () => {
  const listed = [
    network({ name: 'bridge', default: true, containers: [{ id: 'i', name: 'db', addresses: ['10.88.0.2/16'] }] }),
    network({ name: 'data', internal: true, subnets: [{ subnet: '10.90.0.0/24' }, { subnet: 'fd00:90::/64' }] }),
  ];
  engine = fakeEngine({ networks: { list: async (options) => noted([options], listed) } });
  const ls = { name: 'network ls' };
  expect((await carryOut(networkLs, ls)).out).toBe(
    [
      'NAME               DRIVER             SUBNETS                      CONTAINERS',
      'bridge (default)   bridge             10.89.0.0/24                 db',
      'data               bridge, internal   10.90.0.0/24, fd00:90::/64',
      '',
    ].join('\n'),
  );
  expect((await carryOut(networkLs, { ...ls, global: { quiet: true } })).out).toBe('bridge\ndata\n');
  expect(JSON.parse((await carryOut(networkLs, { ...ls, global: { json: true } })).out)).toEqual(listed);
  await carryOut(networkLs, { ...ls, options: { filter: ['name=w', 'driver=bridge', 'label=a=b', 'dangling=true'] } });
  expect(calls.pop()).toEqual([{ filters: { name: ['w'], driver: ['bridge'], label: ['a=b'], dangling: true } }]);
  await expect(carryOut(networkLs, { ...ls, options: { filter: ['scope=local'] } })).rejects.toMatchObject({ code: 'USAGE' });
});

test('network inspect and rm go on after a name that is not there; rm -f forgives it', async () => {
  const there = async (name: string) => {
    if (name === 'web') return network({});
    throw notFound(name);
  };
  engine = fakeEngine({ networks: { inspect: there, remove: async (name) => void (await there(name)) } });
  const args = ['nowhere', 'web'];
  const inspected = await carryOut(networkInspect, { name: 'network inspect', args });
  expect([inspected.code, JSON.parse(inspected.out)]).toEqual([1, [network({})]]);
  expect(inspected.err).toContain('no network "nowhere" here');
  const rm = { name: 'network rm', args };
  expect(await carryOut(networkRm, rm)).toMatchObject({ code: 1, out: 'web\n' });
  expect(await carryOut(networkRm, { ...rm, options: { force: true } })).toEqual({ code: 0, out: 'web\n', err: '' });
  expect(JSON.parse((await carryOut(networkRm, { ...rm, options: { force: true }, global: { json: true } })).out)).toEqual([
    'web',
  ]);
});

test('network connect and disconnect', async () => {
  engine = fakeEngine({
    networks: {
      connect: async (...given) => void calls.push(given),
      disconnect: async (...given) => void calls.push(given),
    },
  });
  const signal = expect.any(AbortSignal) as AbortSignal;
  const options = optionsOf(['network', 'connect', '--ip', '10.89.0.7', '--alias', 'a', '--alias', 'b', 'web', 'c']);
  const connect = { name: 'network connect', args: ['web', 'c'] };
  expect(await carryOut(networkConnect, { ...connect, options })).toEqual({ code: 0, out: '', err: '' });
  expect(calls.pop()).toEqual(['web', 'c', { addresses: ['10.89.0.7'], aliases: ['a', 'b'], signal }]);
  const json = await carryOut(networkConnect, { ...connect, global: { json: true } });
  expect(JSON.parse(json.out)).toEqual({ network: 'web', container: 'c' });
  await carryOut(networkDisconnect, { name: 'network disconnect', args: ['web', 'c'], options: { force: true } });
  expect(calls.pop()).toEqual(['web', 'c', { force: true, signal }]);
});

test('network prune says what went; without a terminal it has to be forced', async () => {
  engine = fakeEngine({ networks: { prune: async (options) => noted([options], { networks: ['web'] }) } });
  const line = { name: 'network prune' };
  expect((await carryOut(networkPrune, { ...line, options: { force: true } })).out).toBe('Deleted: web\n');
  expect((await carryOut(networkPrune, { ...line, options: { dryRun: true, filter: ['label=a'] } })).out).toBe(
    'Would delete: web\n',
  );
  expect(calls.pop()).toMatchObject([{ labels: ['a'], dryRun: true }]);
  expect((await carryOut(networkPrune, { ...line, options: { force: true }, global: { quiet: true } })).out).toBe('web\n');
  const confirming = carryOut(networkPrune, line);
  if (!process.stdin.isTTY) await expect(confirming).rejects.toMatchObject({ code: 'USAGE' });
});

test('prune takes networks too, where there are any', async () => {
  const pruned = { images: [], content: [], snapshots: [], ingests: [], bytes: 0, failures: [] };
  engine = fakeEngine({ networks: { prune: async () => ({ networks: ['web'] }) }, system: { prune: async () => pruned } });
  expect((await carryOut(prune, { name: 'prune' })).out).toBe('Deleted: network web\nFreed: 0 B\n');
  expect(JSON.parse((await carryOut(prune, { name: 'prune', global: { json: true } })).out)).toEqual({
    networks: ['web'],
    ...pruned,
  });
  const none = new SlipwayError({ kind: 'failed-precondition', code: 'NETWORK_PLUGIN_NONE', message: 'none' });
  engine = fakeEngine({ networks: { prune: () => Promise.reject(none) }, system: { prune: async () => pruned } });
  expect((await carryOut(prune, { name: 'prune' })).out).toBe('Freed: 0 B\n');
});

test('port lists all, or one; one that is not published is told with those that are', async () => {
  const ports = [
    { protocol: 'udp', hostAddress: '127.0.0.1', hostPort: 53, containerPort: 53 },
    { protocol: 'tcp', hostAddress: '::', hostPort: 8080, containerPort: 80 },
    { protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080, containerPort: 80 },
  ] as const;
  engine = fakeEngine(containersNamed(['web'], () => ({ ports: async () => ports })));
  const shown = async (...args: string[]) => (await carryOut(port, { name: 'port', args: ['web', ...args] })).out;
  expect(await shown()).toBe('53/udp -> 127.0.0.1:53\n80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n');
  expect(await shown('80')).toBe('0.0.0.0:8080\n[::]:8080\n');
  expect(await shown('53/udp')).toBe('127.0.0.1:53\n');
  await expect(shown('53')).rejects.toMatchObject({
    kind: 'not-found',
    code: 'PORT_NOT_PUBLISHED',
    message: 'container "web": port 53 is not published, found 127.0.0.1:53->53/udp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp',
  });
  await expect(shown('http')).rejects.toMatchObject({ code: 'USAGE' });
});

test('names of networks are completed, and the words beside them for --network', async () => {
  engine = fakeEngine({ networks: { list: async () => [network({}), network({ name: 'data' })] } });
  const offered = async (...args: string[]) => (await carryOut(completeNames, { name: 'complete-names', args })).out;
  expect(await offered('networks', '')).toBe('web\ndata\n');
  expect(await offered('network-modes', '')).toBe('web\ndata\nnone\nhost\n');
  expect(await offered('network-modes', 'h')).toBe('host\n');
});
