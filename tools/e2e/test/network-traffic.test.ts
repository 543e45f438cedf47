import { startRegistry } from '@slipway/fixtures';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from './living.ts';
import { type Agent, addresses, networkHost, outsideOf, withNode } from './network-host.ts';
import { leftInPlace } from './place.ts';
import { placesInMemory } from './tmpfs.ts';

await using registry = await startRegistry({ images: ['small'] });
const image = `${registry.address}/test/small:latest`;
const place = placesInMemory()();
afterAll(() => place[Symbol.dispose]());
{
  await using engine = await place.open();
  await engine.pull(image);
}
const host = networkHost();
const outside = outsideOf(host);
afterAll(() => {
  outside[Symbol.dispose]();
  host[Symbol.dispose]();
});
let agent: Agent;
beforeAll(() => {
  agent = host.agent(place);
});
afterAll(async () => {
  for (const { id } of await agent.ask<{ id: string }[]>('containers', 'list', { all: true }))
    await agent.ask('container', id, 'remove', { force: true });
  await agent[Symbol.asyncDispose]();
  // Programs that clean up after the last containers end a moment later.
  await until(
    'the end of all',
    async () => leftInPlace(place).length === 0,
    () => leftInPlace(place).join(', '),
  );
});
/** An echo server, once it answers. */
const server = async (name: string, port: number, more: object = {}) => {
  const made = await agent.ask('run', { image, name, detach: true, args: withNode.args(port), mounts: withNode.mounts, ...more });
  await agent.ask('isUp', name);
  return made;
};

const addressOf = async (name: string, family: 4 | 6 = 4, network?: string): Promise<string> => {
  const { networks } = await agent.ask<{ networks: { network: string; addresses: string[] }[] }>('container', name, 'inspect');
  const own = networks.filter((one) => network === undefined || one.network === network).flatMap((one) => one.addresses);
  return own.find((address) => address.includes(':') === (family === 6))?.split('/')[0] ?? '';
};
const shell = async (name: string, script: string): Promise<string> => (await agent.ask('exec', name, 'sh', '-c', script)).stdout;

describe('containers of a network', () => {
  it('find each other by name, alias and address; those of another do not know its names', async () => {
    await agent.ask('networks', 'create', 'inner', { ipv6: true });
    await agent.ask('networks', 'create', 'other');
    await server('web', 7000, { network: [{ network: 'inner', aliases: ['www'] }], hostname: 'webhost' });
    const client = (network: string, script: string) => agent.ask('run', { image, network, args: ['sh', '-c', script] });
    for (const name of ['web', 'www', 'webhost', await addressOf('web'), await addressOf('web', 6)])
      expect(await client('inner', `echo hello | nc ${name} 7000`), name).toMatchObject({
        stdout: expect.stringMatching(/\|hello\n$/),
        exitCode: 0,
      });
    expect((await client('other', 'nslookup web || echo unknown')).stdout).toMatch(/unknown\n$/);
    await agent.ask('container', 'web', 'rename', 'shop');
    expect(await client('inner', 'echo hello | nc shop 7000')).toMatchObject({ exitCode: 0 });
    expect((await client('inner', 'nslookup web')).exitCode).not.toBe(0);
  });

  it('reach a server outside, which sees the host', async () => {
    using _server = await outside.serve(7001);
    const { stdout } = await agent.ask('run', {
      image,
      network: 'inner',
      args: ['sh', '-c', `echo a | nc ${addresses.outside[4]} 7001; echo b | nc ${addresses.outside[6]} 7001`],
    });
    expect(stdout).toBe(`::ffff:${addresses.host[4]}|a\n${addresses.host[6]}|b\n`);
  });
});

describe('a published port', () => {
  it('is reached from outside and from the host, by TCP and UDP, IPv4 and IPv6', async () => {
    const ports = [
      { containerPort: 7000, hostPort: 8080 },
      { containerPort: 7000, hostPort: 8080, protocol: 'udp' },
      { containerPort: 7000, hostPort: 8081, hostAddress: '127.0.0.1' },
    ];
    const { id } = await server('published', 7000, { network: 'inner', ports });
    await using far = outside.agent();
    for (const where of [addresses.host[4], addresses.host[6]]) {
      expect(await far.ask('tcp', where, 8080, 'hello'), where).toMatch(/\|hello$/);
      expect(await far.ask('udp', where, 8080, 'hello'), where).toMatch(/\|hello$/);
    }
    for (const where of ['127.0.0.1', addresses.host[4], addresses.host[6]])
      expect(await agent.ask('tcp', where, 8080, 'hello'), where).toMatch(/\|hello$/);
    expect(await agent.ask('tcp', '127.0.0.1', 8081, 'hello')).toMatch(/\|hello$/);
    await expect(far.ask('tcp', addresses.host[4], 8081, 'hello')).rejects.toThrow();
    expect(await agent.ask('container', 'published', 'port', 7000)).toEqual({
      protocol: 'tcp',
      hostAddress: '0.0.0.0',
      hostPort: 8080,
      containerPort: 7000,
    });
    const all = await agent.ask<object[]>('container', 'published', 'ports');
    expect(all).toHaveLength(5);
    expect(await agent.ask('containers', 'list')).toContainEqual(expect.objectContaining({ id, ports: all }));
    expect(await far.ask('many', addresses.host[4], 8080, 100, 200_000)).toBe(100);
  });

  it('is found taken before anything is made, with the name of who has it', async () => {
    const options = { image, network: 'bridge', name: 'late', detach: true, args: ['sleep', '100'] };
    await expect(agent.ask('run', { ...options, ports: [{ containerPort: 1, hostPort: 8080 }] })).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'PORT_IN_USE',
      message: expect.stringContaining('port 0.0.0.0:8080/tcp of this host is in use by container "published"'),
    });
    using _server = await host.serve(7002);
    await expect(agent.ask('run', { ...options, ports: [{ containerPort: 1, hostPort: 7002 }] })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringMatching(/in use by process \d+ \(.+\)$/),
    });
    await expect(agent.ask('run', { ...options, ports: [{ containerPort: 1, hostAddress: '192.0.2.9' }] })).rejects.toMatchObject(
      { code: 'HOST_ADDRESS_UNKNOWN' },
    );
    await expect(
      agent.ask('run', { ...options, network: 'other', ports: [{ containerPort: 1, hostAddress: addresses.host[6] }] }),
    ).rejects.toMatchObject({ code: 'PORT_FAMILY_MISSING' });
    await expect(agent.ask('container', 'late', 'inspect')).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' });
    await expect(host.serve(8080).then(async (server) => server[Symbol.dispose]())).rejects.toThrow();
  });

  it('is a free one where none is named, one for each that the image names, and stays the same in restarts', async () => {
    await server('free', 7000, { network: 'inner', ports: [{ containerPort: 7000 }], restart: { name: 'always' } });
    const { hostPort } = await agent.ask('container', 'free', 'port', 7000);
    const before = await addressOf('free');
    expect(await agent.ask('tcp', '127.0.0.1', hostPort, 'one')).toMatch(/\|one$/);
    const { pid } = await agent.ask<{ pid: number }>('container', 'free', 'inspect');
    process.kill(pid, 'SIGKILL');
    await expect
      .poll(async () => agent.ask('tcp', '127.0.0.1', hostPort, 'two').catch(String), { timeout: 60_000, interval: 100 })
      .toMatch(/\|two$/);
    expect(await addressOf('free')).toBe(before);
    expect(await agent.ask('container', 'free', 'port', 7000)).toMatchObject({ hostPort });
    await agent.ask('container', 'free', 'restart');
    const again = await agent.ask('container', 'free', 'port', 7000);
    await expect
      .poll(async () => agent.ask('tcp', '127.0.0.1', again.hostPort, 'three').catch(String), { timeout: 60_000 })
      .toMatch(/\|three$/);
  });
});

describe('connect and disconnect', () => {
  it('of a running container: another network at once, by name, and away again', async () => {
    await agent.ask('run', { image, name: 'mover', network: 'other', detach: true, args: ['sleep', '1000'] });
    expect(await shell('mover', 'nslookup shop || echo unknown')).toContain('unknown');
    await agent.ask('networks', 'connect', 'inner', 'mover', { aliases: ['moved'] });
    expect(await shell('mover', `echo hello | nc ${await addressOf('shop')} 7000`)).toMatch(/\|hello\n$/);
    expect(await shell('mover', 'cat /etc/hosts')).toContain(`${await addressOf('mover', 4, 'inner')}\t`);
    expect(await shell('shop', 'ping -c 1 -W 5 moved')).toMatch(/1 (packets )?received/);
    await expect(agent.ask('networks', 'connect', 'inner', 'mover')).rejects.toMatchObject({
      kind: 'already-exists',
      code: 'NETWORK_CONNECTED',
    });
    await expect(agent.ask('networks', 'remove', 'inner')).rejects.toMatchObject({
      code: 'NETWORK_IN_USE',
      message: expect.stringMatching(/"mover"/),
    });
    expect(await agent.ask('networks', 'inspect', 'inner')).toMatchObject({
      containers: expect.arrayContaining([
        expect.objectContaining({ name: 'mover', addresses: expect.arrayContaining([expect.stringMatching(/^10\./)]) }),
      ]),
    });
    await agent.ask('networks', 'disconnect', 'inner', 'mover');
    expect(await shell('mover', 'nslookup shop || echo unknown; ip -o addr; cat /etc/hosts')).not.toContain('eth1');
    await expect(agent.ask('networks', 'disconnect', 'inner', 'mover')).rejects.toMatchObject({ code: 'NETWORK_NOT_CONNECTED' });
    await agent.ask('networks', 'disconnect', 'inner', 'mover', { force: true });
  });

  it('finds the names of both', async () => {
    await agent.ask('run', {
      image,
      name: 'both',
      network: [{ network: 'other' }, { network: 'inner' }],
      detach: true,
      args: ['sleep', '1000'],
    });
    expect(await shell('both', 'echo hello | nc shop 7000')).toMatch(/\|hello\n$/);
    expect(await shell('both', 'ping -c 1 -W 5 mover')).toMatch(/1 (packets )?received/);
  });

  it('of one without a network, through an automatic restart, and of one that does not run', async () => {
    await agent.ask('run', { image, name: 'lonely', detach: true, restart: { name: 'always' }, args: ['sleep', '1000'] });
    await agent.ask('networks', 'connect', 'inner', 'lonely', {});
    const address = await addressOf('lonely');
    expect(await shell('lonely', 'echo hello | nc shop 7000')).toMatch(/\|hello\n$/);
    process.kill((await agent.ask<{ pid: number }>('container', 'lonely', 'inspect')).pid, 'SIGKILL');
    await expect
      .poll(async () => shell('lonely', 'echo hello | nc shop 7000').catch(String), { timeout: 60_000 })
      .toMatch(/\|hello\n$/);
    expect(await addressOf('lonely')).toBe(address);
    await agent.ask('container', 'lonely', 'stop', { timeoutMs: 0 });
    await agent.ask('networks', 'disconnect', 'inner', 'lonely');
    await agent.ask('networks', 'connect', 'other', 'lonely', { mac: '02:42:ac:11:00:99' });
    await agent.ask('container', 'lonely', 'start');
    expect(await agent.ask('container', 'lonely', 'inspect')).toMatchObject({
      networks: [{ network: 'other', mac: '02:42:ac:11:00:99' }],
    });
    const { pid } = await agent.ask<{ pid: number }>('container', 'lonely', 'inspect');
    expect(pid).toBeGreaterThan(0);
  });

  it('is refused of one that has the network of the host, or of another', async () => {
    await agent.ask('run', { image, name: 'hosted', network: 'host', detach: true, args: ['sleep', '1000'] });
    await agent.ask('run', { image, name: 'guest', network: 'container:shop', detach: true, args: ['sleep', '1000'] });
    for (const name of ['hosted', 'guest'])
      await expect(agent.ask('networks', 'connect', 'inner', name)).rejects.toMatchObject({
        kind: 'failed-precondition',
        code: 'NETWORK_SHARED',
      });
    expect(await shell('guest', 'echo hello | nc 127.0.0.1 7000; cat /etc/hosts')).toContain(`|hello\n127.0.0.1\tlocalhost`);
    expect(await shell('guest', 'cat /etc/hosts')).toContain('webhost');
  });
});

describe('forward', () => {
  it('leads to the container’s own loopback, whatever network it has, until it is disposed of', async () => {
    await server('quiet', 7000);
    await server('looped', 7000, { network: 'inner' });
    for (const name of ['quiet', 'looped']) {
      const { hostPort } = await agent.ask('forward', name, name, 7000);
      await expect
        .poll(async () => agent.ask('tcp', '127.0.0.1', hostPort, 'hello').catch(String), { timeout: 60_000 })
        .toBe('::ffff:127.0.0.1|hello');
      expect(await agent.ask('throughForward', name, 'direct')).toBe('::ffff:127.0.0.1|direct');
      expect(await agent.ask('many', '127.0.0.1', hostPort, 200, 300_000)).toBe(200);
      await agent.ask('endForward', name);
      await expect(agent.ask('tcp', '127.0.0.1', hostPort, 'hello')).rejects.toThrow();
    }
    await expect(agent.ask('forward', 'x', 'quiet', 0)).rejects.toMatchObject({ kind: 'invalid-argument' });
  });

  it('holds nothing of a container that has ended', async () => {
    await server('ending', 7000, { network: 'inner' });
    const { hostPort } = await agent.ask('forward', 'ending', 'ending', 7000);
    await expect
      .poll(async () => agent.ask('tcp', '127.0.0.1', hostPort, 'hello').catch(String), { timeout: 60_000 })
      .toMatch(/hello$/);
    // Ended or reset: what the host had not read yet decides.
    const held = agent.ask('hold', '127.0.0.1', hostPort).catch((error) => expect(String(error)).toContain('ECONNRESET'));
    const links = (): number => host.run('ip', '-o', 'link').split('\n').length;
    const before = links();
    await agent.ask('container', 'ending', 'stop', { timeoutMs: 0 });
    await held;
    await expect.poll(links, { timeout: 60_000 }).toBe(before - 1);
    await expect(agent.ask('throughForward', 'ending', 'x')).rejects.toMatchObject({ code: 'CONTAINER_NOT_RUNNING' });
    await agent.ask('container', 'ending', 'start');
    await expect
      .poll(async () => agent.ask('tcp', '127.0.0.1', hostPort, 'again').catch(String), { timeout: 60_000 })
      .toMatch(/again$/);
    await agent.ask('endForward', 'ending');
  });
});

describe('names', () => {
  it('are what the settings say, in files that the container may change until its next start', async () => {
    const options = {
      image,
      name: 'named',
      network: 'inner',
      dns: { search: ['example.com'], options: ['ndots:2'] },
      extraHosts: [
        { name: 'db', address: '192.0.2.5' },
        { name: 'gate', address: 'host-gateway' },
      ],
      args: ['sleep', '1000'],
      detach: true,
    };
    await agent.ask('run', options);
    const files = await shell('named', 'cat /etc/hosts /etc/resolv.conf; ls -l /etc/hosts');
    expect(files).toMatch(/192\.0\.2\.5\tdb\n10\.\d+\.\d+\.1\tgate\n/);
    expect(files).toMatch(/search example\.com\nnameserver 10\.\d+\.\d+\.1\n(nameserver .*\n)?options ndots:2\n-rw-r--r--/);
    await shell('named', 'echo "192.0.2.6 own" >> /etc/hosts');
    await agent.ask('networks', 'connect', 'other', 'named');
    expect(await shell('named', 'cat /etc/hosts')).toContain('192.0.2.6 own');
    expect(await shell('named', 'cat /etc/hosts')).toContain(await addressOf('named', 4, 'other'));
    await agent.ask('container', 'named', 'restart', { timeoutMs: 0 });
    expect(await shell('named', 'cat /etc/hosts')).not.toContain('192.0.2.6 own');
  });

  it('are there without a network, and beside the host’s', async () => {
    const cat = { image, args: ['sh', '-c', 'cat /etc/hosts /etc/hostname; cat /etc/resolv.conf'] };
    expect(await agent.ask('run', { ...cat, hostname: 'me' })).toMatchObject({
      stdout: expect.stringMatching(/127\.0\.0\.1\tme\nme\n$/),
    });
    const { stdout } = await agent.ask('run', {
      ...cat,
      network: 'host',
      extraHosts: [{ name: 'x', address: 'host-gateway' }],
      dns: { servers: ['192.0.2.53'] },
    });
    expect(stdout).toContain('127.0.0.1\tx\n');
    expect(stdout).toContain('nameserver 192.0.2.53\n');
  });
});
