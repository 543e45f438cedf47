import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from './living.ts';
import { leftOfMachines, machineConfig } from './machines.ts';
import { type Agent, addresses, leftOnHost, networkHost, outsideOf } from './network-host.ts';
import { placesInMemory } from './tmpfs.ts';

await using registry = await startRegistry({ images: ['small'] });
const image = `${registry.address}/test/small:latest`;
const place = placesInMemory()(machineConfig());
afterAll(() => place[Symbol.dispose]());
{
  await using engine = await place.open();
  await engine.pull(image);
  await engine.pull(image, { stack: 'kata' });
}
const udpEcho = path.join(place.folder, 'udp-echo');
execFileSync('gcc', ['-static', '-O1', '-o', udpEcho, fileURLToPath(import.meta.resolve('../src/udp-echo.c'))]);
const host = networkHost();
const outside = outsideOf(host);
afterAll(() => {
  outside[Symbol.dispose]();
  host[Symbol.dispose]();
});
let agent: Agent;

const run = (name: string, script: string, more: object) =>
  agent.ask('run', { image, name, detach: true, args: ['sh', '-c', script], ...more });
const shell = async (name: string, script: string): Promise<string> => (await agent.ask('exec', name, 'sh', '-c', script)).stdout;
const addressOf = async (name: string, family: 4 | 6 = 4): Promise<string> => {
  const { networks } = await agent.ask<{ networks: { addresses: string[] }[] }>('container', name, 'inspect');
  const own = networks.flatMap((one) => one.addresses).find((address) => address.includes(':') === (family === 6));
  return own?.split('/')[0] ?? '';
};
/** What a server answers that says all that it hears, once it is there. */
const answers = (where: string, port: number, message: string): Promise<string> =>
  until(`an answer of port ${port}`, async () => {
    const answer = await agent.ask<string>('tcp', where, port, message).catch(() => '');
    return answer.length >= message.length && answer;
  });

const echo = 'nc -ll -p 7000 -e cat & mkdir /tmp/www; httpd -h /tmp/www; sleep 100000';
const idle = 'sleep 100000';
const kata = { stack: 'kata' };

beforeAll(async () => {
  agent = host.agent(place);
  await agent.ask('networks', 'create', 'inner', { ipv6: true, mtu: 1400 });
  await agent.ask('networks', 'create', 'other');
  const allow = [{ host: 'plain', port: 7000 }];
  const ports = ['tcp', 'udp'].map((protocol) => ({ containerPort: 7000, hostPort: 8080, protocol }));
  const mounts = [{ type: 'bind', source: udpEcho, target: '/udp-echo', readOnly: true }];
  const inner = { network: 'inner', aliases: ['www'] };
  await Promise.all([
    run('plain', echo, { network: 'inner' }),
    run('web', `/udp-echo & ${echo}`, { ...kata, network: [inner], mounts, ports, restart: { name: 'always' } }),
    run('both', idle, {
      ...kata,
      network: [{ network: 'other' }, { network: 'inner' }],
      sysctls: { 'net.ipv4.ip_default_ttl': '65' },
    }),
    run('listed', echo, { ...kata, network: 'inner', egress: { allow }, ports: [{ containerPort: 7000, hostPort: 8081 }] }),
  ]);
});
afterAll(async () => {
  for (const { id } of await agent.ask<{ id: string }[]>('containers', 'list', { all: true }))
    await agent.ask('container', id, 'remove', { force: true });
  await agent[Symbol.asyncDispose]();
  const left = (): string[] => [...leftOfMachines(place), ...leftOnHost(host, place)];
  // Programs that clean up after the last containers end a moment later.
  await until(
    'the end of all',
    async () => left().length === 0,
    () => left().join(', '),
  );
});

describe('a container in a virtual machine', () => {
  it('finds others by name and alias, machines and processes of the host alike, and is found by them', async () => {
    await answers('127.0.0.1', 8080, 'is up\n');
    for (const [from, to] of [
      ['both', 'web'],
      ['both', 'www'],
      ['both', 'plain'],
      ['plain', 'web'],
      ['plain', await addressOf('web')],
      ['plain', await addressOf('web', 6)],
      ['both', await addressOf('plain', 6)],
    ] as const)
      expect(await shell(from, `echo hello | nc ${to} 7000`), `${from} asks ${to}`).toBe('hello\n');
  });

  it('has the interfaces, addresses, routes and MTUs that it would have without a machine', async () => {
    const { networks } = await agent.ask<{ networks: { mac: string; addresses: string[]; interface: string }[] }>(
      'container',
      'both',
      'inspect',
    );
    expect(networks).toHaveLength(2);
    const found = await shell('both', 'ip -o address; ip -o link; ip route; ip -6 route; cat /proc/sys/net/ipv4/ip_default_ttl');
    for (const { mac, addresses: own, interface: name } of networks) {
      expect(found).toMatch(new RegExp(`${name}: .*mtu ${name === 'eth0' ? 1500 : 1400} .*link/ether ${mac} `));
      for (const address of own) expect(found).toContain(` ${address} `);
    }
    expect(found.match(/^default via [\d.]+ dev eth0/gm)).toHaveLength(1);
    expect(found).toMatch(/^65$/m);
    expect(await shell('both', 'ls /sys/class/net')).toBe('eth0\neth1\nlo\n');
  });

  it('reaches a server outside, which sees the host', async () => {
    using _server = await outside.serve(7001);
    const script = `echo a | nc ${addresses.outside[4]} 7001; echo b | nc ${addresses.outside[6]} 7001`;
    expect(await shell('web', script)).toBe(`::ffff:${addresses.host[4]}|a\n${addresses.host[6]}|b\n`);
  });

  it('gets and sends megabytes as they are, by published ports and to neighbours, and counts them', async () => {
    const message = randomBytes(2_000_000).toString('hex');
    const hash = createHash('sha256').update(message).digest('hex');
    const back = await answers(addresses.host[4], 8080, message);
    expect(createHash('sha256').update(back).digest('hex')).toBe(hash);
    await shell('web', 'head -c 4000000 /dev/urandom > /tmp/www/blob');
    const [there] = (await shell('web', 'sha256sum /tmp/www/blob')).split(' ');
    for (const from of ['plain', 'both'])
      expect((await shell(from, 'wget -qO- http://web/blob | sha256sum')).split(' ')[0], from).toBe(there);
    // In datagrams of several fragments, both ways.
    for (const bytes of [10, 700, 15_000]) {
      const datagram = randomBytes(bytes).toString('hex');
      for (const where of ['127.0.0.1', addresses.host[6]]) expect(await agent.ask('udp', where, 8080, datagram)).toBe(datagram);
    }
    for (const to of ['web', await addressOf('web')])
      expect(await shell('both', `ping -c 2 -W 60 -s 20000 ${to}`)).toContain('2 packets received');
    const { received, sent } = await agent.ask<{ received: number; sent: number }>('networkCounts', 'web');
    expect(received).toBeGreaterThan(4_000_000);
    expect(sent).toBeGreaterThan(12_000_000);
  });

  it('reaches what its policy lists and nothing else, and answers who comes in', async () => {
    using _server = await outside.serve(7002);
    expect(await shell('listed', 'echo hello | nc plain 7000')).toBe('hello\n');
    const web = await addressOf('web');
    const commands = [`nc -w 2 ${web} 7000`, `nc -w 2 ${addresses.outside[4]} 7002`, `ping -c 1 -W 2 ${web}`, 'nslookup web'];
    const reached = commands.map((command) =>
      shell('listed', `echo hello | ${command} > /dev/null 2>&1 && echo ${command}; true`),
    );
    expect(await Promise.all(reached)).toEqual(commands.map(() => ''));
    expect(await answers('127.0.0.1', 8081, 'hello')).toBe('hello');
  });

  it('keeps its network when it is restarted', async () => {
    const before = await addressOf('web');
    process.kill((await agent.ask<{ pid: number }>('container', 'web', 'inspect')).pid, 'SIGKILL');
    await until('a restart', async () => {
      const { restarts, status } = await agent.ask<{ restarts: number; status: string }>('container', 'web', 'inspect');
      return restarts === 1 && status === 'running';
    });
    expect(await answers('127.0.0.1', 8080, 'again')).toBe('again');
    expect(await addressOf('web')).toBe(before);
    expect(await shell('plain', 'echo hello | nc web 7000')).toBe('hello\n');
  });

  it('neither joins nor leaves networks while it runs, and shares no namespace', async () => {
    const unimplemented = (code: string) => expect.objectContaining({ kind: 'unimplemented', code });
    await expect(agent.ask('networks', 'connect', 'other', 'web')).rejects.toEqual(unimplemented('MACHINE_NETWORK'));
    await expect(agent.ask('networks', 'disconnect', 'inner', 'web')).rejects.toEqual(unimplemented('MACHINE_NETWORK'));
    await expect(agent.ask('forward', 'x', 'web', 7000)).rejects.toEqual(unimplemented('MACHINE_NETWORK'));
    const options = { image, args: ['true'] };
    for (const [more, code] of [
      [{ network: 'container:web' }, 'MACHINE_NAMESPACE'],
      [{ ...kata, network: 'container:plain' }, 'MACHINE_UNSUPPORTED'],
      [{ ...kata, network: 'host' }, 'MACHINE_UNSUPPORTED'],
    ] as const)
      await expect(agent.ask('run', { ...options, ...more })).rejects.toEqual(unimplemented(code));
    expect(await shell('plain', 'echo hello | nc web 7000')).toBe('hello\n');
  });
});
