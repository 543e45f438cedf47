import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { AgentService, decodeMessage } from '@slipway/kata-agent';
import { linux } from '@slipway/linux';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { guestNetwork } from '../dist/network/guest-network.js';
import { NetworkNamespace } from '../dist/network/namespace.js';
import { checkSpec } from '../dist/runtime-spec.js';

const namespaces: number[] = [];
const children: ChildProcess[] = [];
let container = '';
let neighbour = '';

beforeEach(() => {
  container = makeNamespace();
  neighbour = makeNamespace();
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const fd of namespaces.splice(0)) closeSync(fd);
});

/** Nothing but a descriptor holds it. */
function makeNamespace(): string {
  const fd = linux.createNetworkNamespace();
  namespaces.push(fd);
  return `/proc/${process.pid}/fd/${fd}`;
}

const inside = (where: string, program: string, ...args: string[]): string =>
  execFileSync('nsenter', [`--net=${where}`, program, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** A pair, as CNI's `bridge` leaves it. */
function attach(name: string, mac: string, addresses: readonly string[]): void {
  inside(container, 'ip', 'link', 'add', name, 'mtu', '1400', 'address', mac, 'type', 'veth', 'peer', 'name', `${name}h`);
  inside(container, 'ip', 'link', 'set', `${name}h`, 'netns', neighbour);
  inside(container, 'ip', 'link', 'set', name, 'up');
  inside(neighbour, 'ip', 'link', 'set', `${name}h`, 'up');
  for (const address of addresses)
    inside(container, 'ip', 'address', 'add', address, 'dev', name, ...(address.includes(':') ? ['nodad'] : []));
}

const route = (...args: string[]): string => inside(container, 'ip', ...args);

function networkOf(path: string | undefined) {
  const spec = {
    ociVersion: '1.0.2',
    root: { path: 'rootfs' },
    process: { user: { uid: 0, gid: 0 }, args: ['true'], cwd: '/' },
    linux: { namespaces: [{ type: 'network', ...(path === undefined ? {} : { path }) }] },
  };
  return guestNetwork({ id: 'c1' }, checkSpec('c1', spec));
}

const { updateInterface, updateRoutes } = AgentService.method;

test('what has been set up in the namespace is what the guest is told, by hardware address', async () => {
  attach('eth0', '02:00:00:00:00:01', ['10.1.0.2/24', '10.1.0.3/24', 'fd00:1::2/64']);
  attach('net1', '02:00:00:00:00:02', ['10.2.0.2/32']);
  inside(container, 'ip', 'link', 'add', 'unused', 'type', 'veth', 'peer', 'name', 'other');
  route('route', 'add', 'default', 'via', '10.1.0.1');
  route(
    'route',
    'add',
    '10.3.0.0/16',
    'via',
    '10.2.0.1',
    'dev',
    'net1',
    'onlink',
    'metric',
    '77',
    'src',
    '10.2.0.2',
    'mtu',
    '1300',
  );
  route('route', 'add', '10.4.0.0/16', 'dev', 'net1', 'scope', 'link');
  route('-6', 'route', 'add', 'default', 'via', 'fd00:1::1');
  const { interfaces, calls } = await networkOf(container);
  expect(interfaces).toEqual([
    { mac: '02:00:00:00:00:01', namespace: container, tap: 'tap0_kata' },
    { mac: '02:00:00:00:00:02', namespace: container, tap: 'tap1_kata' },
  ]);
  const [first, second, routes] = calls.map(([, , , payload]) => payload as Uint8Array);
  expect(calls.map(([, , method]) => method)).toEqual(['UpdateInterface', 'UpdateInterface', 'UpdateRoutes']);
  expect(decodeMessage(updateInterface.request, first ?? Buffer.of()).interface).toMatchObject({
    device: 'eth0',
    name: 'eth0',
    mtu: 1400n,
    hwAddr: '02:00:00:00:00:01',
    IPAddresses: [
      { family: 0, address: '10.1.0.2', mask: '24' },
      { family: 0, address: '10.1.0.3', mask: '24' },
      { family: 1, address: 'fd00:1::2', mask: '64' },
    ],
  });
  expect(decodeMessage(updateInterface.request, second ?? Buffer.of()).interface).toMatchObject({ name: 'net1' });
  expect(decodeMessage(updateRoutes.request, routes ?? Buffer.of()).routes?.Routes).toMatchObject([
    { dest: '', gateway: '10.1.0.1', device: 'eth0', family: 0 },
    { dest: '10.3.0.0/16', gateway: '10.2.0.1', device: 'net1', source: '10.2.0.2', flags: 4, metric: 77, mtu: 1300 },
    { dest: '10.4.0.0/16', gateway: '', device: 'net1', scope: 253 },
    { dest: '', gateway: 'fd00:1::1', device: 'eth0', family: 1, scope: 0 },
  ]);
});

test('all that comes in goes out at the tap device, and the other way; the namespace itself answers nobody', async () => {
  attach('eth0', '02:00:00:00:00:01', ['10.1.0.2/24', 'fd00:1::2/64']);
  inside(neighbour, 'ip', 'address', 'add', '10.1.0.1/24', 'dev', 'eth0h');
  inside(neighbour, 'ip', 'address', 'add', 'fd00:1::1/64', 'dev', 'eth0h', 'nodad');
  const ping = (address: string): string => {
    try {
      return inside(neighbour, 'ping', '-c', '1', '-W', '1', address);
    } catch {
      return 'silence';
    }
  };
  expect(ping('10.1.0.2')).not.toBe('silence');
  await networkOf(container);
  inside(neighbour, 'ip', 'neigh', 'flush', 'all');
  for (const address of ['10.1.0.2', 'fd00:1::2']) expect(ping(address), address).toBe('silence');
  expect(inside(neighbour, 'ip', 'neigh', 'show')).not.toContain('02:00:00:00:00:01');
  expect(inside(container, 'ip', '-6', 'address', 'show', 'dev', 'tap0_kata')).toBe('');
  expect(inside(container, 'cat', '/proc/sys/net/ipv6/conf/eth0/accept_ra')).toBe('0\n');
  for (const device of ['eth0', 'tap0_kata'])
    expect(inside(container, 'tc', 'filter', 'show', 'dev', device, 'ingress')).toMatch(/mirred \(Egress Redirect to device/);
});

test('what a program refuses is said in its words, and who gives up is told so', async () => {
  using namespace = new NetworkNamespace(container);
  await expect(namespace.run('tc', ['-batch', '-'], { input: 'qdisc add dev nothing ingress\n' })).rejects.toMatchObject({
    kind: 'failed-precondition',
    code: 'MACHINE_NETWORK_FAILED',
    message: expect.stringMatching(/^"tc -batch -" in the network namespace of the container: .*"nothing".* Command failed -:1$/),
  });
  const signal = AbortSignal.abort();
  await expect(namespace.run('ip', ['link'], { signal })).rejects.toMatchObject({ kind: 'canceled' });
});

test('nothing to have is nothing to do', async () => {
  for (const path of [undefined, container]) expect(await networkOf(path)).toEqual({ interfaces: [], calls: [] });
  inside(container, 'ip', 'link', 'add', 'unused', 'type', 'veth', 'peer', 'name', 'other');
  expect(await networkOf(container)).toEqual({ interfaces: [], calls: [] });
});

test('packets are led away neither from processes of the host nor from another machine', async () => {
  attach('eth0', '02:00:00:00:00:01', ['10.1.0.2/24']);
  await expect(networkOf('/proc/self/ns/net')).rejects.toMatchObject({ kind: 'unimplemented', code: 'MACHINE_UNSUPPORTED' });
  const child = spawn('nsenter', [`--net=${container}`, 'sh', '-c', 'echo up; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  await once(child.stdout, 'data');
  await expect(networkOf(container)).rejects.toMatchObject({ message: expect.stringContaining('processes of the host') });
  expect(inside(container, 'ip', 'link')).not.toContain('_kata');
  child.kill('SIGKILL');
  await once(child, 'exit');
  await networkOf(container);
  await expect(networkOf(container)).rejects.toMatchObject({ code: 'MACHINE_NETWORK_TAKEN' });
});

test('what no machine can be given is refused, and nothing is led away', async () => {
  attach('eth0', '02:00:00:00:00:01', ['10.1.0.2/24']);
  route('route', 'add', 'blackhole', '10.5.0.0/16');
  await expect(networkOf(container)).rejects.toMatchObject({
    kind: 'unimplemented',
    message: expect.stringContaining('the route to "10.5.0.0/16"'),
  });
  route('route', 'del', 'blackhole', '10.5.0.0/16');
  route('address', 'add', '10.6.0.2', 'peer', '10.6.0.1', 'dev', 'eth0');
  await expect(networkOf(container)).rejects.toMatchObject({
    message: expect.stringContaining('"10.6.0.2" of "eth0" has a peer'),
  });
  expect(inside(container, 'ip', 'link')).not.toContain('_kata');
});
