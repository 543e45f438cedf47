import { closeSync, existsSync, globSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { linux } from '@slipway/linux';
import { afterAll, describe, expect, it } from 'vitest';
import { runAfterEnd } from './child.ts';
import { alive, until } from './living.ts';
import { monitorsIn } from './machine.ts';
import { type Agent, networkHost } from './network-host.ts';
import { leftInPlace } from './place.ts';
import { placesInMemory } from './tmpfs.ts';

const place = placesInMemory()('default_network = "bridge"');
const host = networkHost();
const agent: Agent = host.agent(place);
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  host[Symbol.dispose]();
  place[Symbol.dispose]();
});
await using registry = await startRegistry({ images: ['small'] });
const image = `${registry.address}/test/small:latest`;
{
  await using engine = await place.open();
  await engine.pull(image);
}

const port = 8080;

/** Left to itself, and removed at its end, with the same address and port each time. */
async function leave(args: readonly string[]): Promise<string> {
  const ports = [{ containerPort: 80, hostPort: port }];
  const network = [{ network: 'default', addresses: [address] }];
  return (await agent.ask<{ id: string }>('run', { image, args, detach: true, removeAtExit: true, ports, network })).id;
}

// Makes the network.
await agent.ask('run', { image, args: ['true'], network: 'default' });
const [bridge] = await agent.ask<{ subnets: { gateway: string }[] }[]>('networks', 'list');
const address = (bridge?.subnets[0]?.gateway ?? '').replace(/\.1$/, '.77');

/** What the host has of it: addresses that are taken, interfaces, rules, sockets. */
function leftOnHost(): string[] {
  const lines = [
    ...host
      .run('ip', '-o', 'link')
      .split('\n')
      .filter((line) => line.includes('veth')),
    ...host
      .run('iptables-save')
      .split('\n')
      .filter((line) => line.includes(address) || line.includes(`${port}`)),
    ...host
      .run('nft', 'list', 'ruleset')
      .split('\n')
      .filter((line) => line.includes(address) || line.includes(`${port}`)),
    ...host
      .run('ss', '-Hltna')
      .split('\n')
      .filter((line) => line.includes(`:${port}`)),
    ...globSync(path.join(place.state, `network.v1/cni/**/${address}`)),
  ];
  return lines.filter((line) => line !== '');
}

/** Without asking anything of the engine, which would clean up. */
function left(): string[] {
  const own = `process ${agent.process.pid} `;
  return [...leftInPlace(place).filter((line) => !line.startsWith(own)), ...leftOnHost()];
}

it('a container that nobody watches gives its address, its port and its name back when it ends', async () => {
  const id = await leave(['sleep', '1']);
  expect(leftOnHost().length).toBeGreaterThan(3);
  const journal = path.join(place.state, 'events/journal');
  await until('the removal', async () => readFileSync(journal, 'utf8').includes(`"action":"destroy","id":"${id}"`));
  await until(
    'the end',
    async () => left().length === 0,
    () => left().join('\n'),
  );
  expect(await agent.ask('containers', 'list', { all: true })).toEqual([]);
});

/** Its monitor, which would start the program, is killed before it ends. */
async function abandoned(): Promise<string> {
  const id = await leave(['sleep', '1000']);
  const { pid } = await agent.ask<{ pid: number }>('container', id, 'inspect');
  for (const monitor of monitorsIn(place.folder)) process.kill(monitor.pid, 'SIGKILL');
  process.kill(pid, 'SIGKILL');
  await until('the end', async () => !alive(pid) && monitorsIn(place.folder).length === 0);
  return path.join(place.state, 'ops', `run-${id}`);
}

describe('the program that cleans up, killed', async () => {
  const trace = path.join(place.folder, 'trace');
  const ended = await runAfterEnd(place, await abandoned(), { trace }, host.path);
  expect(ended).toMatchObject({ status: 0, stdout: '', stderr: '' });
  const steps = new Set(existsSync(trace) ? readFileSync(trace, 'utf8').split('\n').slice(0, -1) : []);
  rmSync(trace, { force: true });

  it('cleans up, and knows the steps of networks', async () => {
    expect([...steps].filter((step) => step.startsWith('network.')).length).toBeGreaterThan(0);
    expect(left()).toEqual([]);
  });

  it.each([...steps])('after %s leaves what the next command cleans up', async (step) => {
    const record = await abandoned();
    const killed = await runAfterEnd(place, record, { kill: { step, nth: 1, whom: ['command'] } }, host.path);
    expect(killed.signal).toBe('SIGKILL');
    expect(await agent.ask('containers', 'list', { all: true })).toEqual([]);
    expect(left()).toEqual([]);
  });
});

function hasOpen(pid: number, what: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === what;
    } catch {
      return false;
    }
  });
}

it('a container that ends while it is being connected keeps nothing, and starts again with both networks', async () => {
  await agent.ask('networks', 'create', 'late');
  const { id } = await agent.ask<{ id: string }>('run', { image, args: ['sleep', '1000'], detach: true, network: 'default' });
  const { pid } = await agent.ask<{ pid: number }>('container', id, 'inspect');
  const namespace = readlinkSync(`/proc/${pid}/ns/net`);
  const [attached = ''] = globSync(path.join(place.state, 'network.v1/cni/*/attached'));
  await using other = host.agent(place);
  const fd = openSync(attached, 'r');
  let connected: Promise<unknown>;
  try {
    expect(linux.tryFlock(fd, 'exclusive')).toBe(true);
    connected = other.ask('networks', 'connect', 'late', id);
    connected.catch(() => undefined);
    // It has opened the namespace by then, and waits for us.
    await until('the connection', async () =>
      readdirSync(path.join(place.state, 'ops')).some((name) => !name.startsWith('run-')),
    );
    await until('its namespace', async () => hasOpen(other.process.pid ?? 0, namespace));
    process.kill(pid, 'SIGKILL');
    await until('the end of its run', async () => !existsSync(path.join(place.state, 'ops', `run-${id}`)));
  } finally {
    closeSync(fd);
  }
  await connected;
  expect(readdirSync(attached)).toEqual([]);
  expect(existsSync(path.join(place.state, 'containers', id))).toBe(false);
  await agent.ask('container', id, 'start');
  const { networks } = await agent.ask<{ networks: { network: string }[] }>('container', id, 'inspect');
  expect(networks.map(({ network }) => network)).toEqual(['bridge', 'late']);
  await agent.ask('container', id, 'remove', { force: true });
});
