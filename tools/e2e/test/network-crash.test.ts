import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, expect, it } from 'vitest';
import { killedSteps } from './killed-steps.ts';
import { type Agent, leftOnHost, networkHost } from './network-host.ts';
import { leftInPlace } from './place.ts';
import { placesInMemory } from './tmpfs.ts';

await using registry = await startRegistry({ images: ['small'] });
const image = `${registry.address}/test/small:latest`;
const place = placesInMemory()();
afterAll(() => place[Symbol.dispose]());
const host = networkHost();
afterAll(() => host[Symbol.dispose]());
{
  await using engine = await place.open();
  await engine.pull(image);
}
{
  await using agent = host.agent(place);
  await agent.ask('networks', 'create', 'crash', { subnets: [{ subnet: '10.77.0.0/24' }] });
  await agent.ask('networks', 'create', 'second', { subnets: [{ subnet: '10.78.0.0/24' }] });
}

const address = '10.77.0.9';
/** What is not given back is not to be had again: its address, its port, its name. */
const wanted = {
  image,
  name: 'victim',
  network: [{ network: 'crash', addresses: [address] }],
  ports: [{ containerPort: 80, hostPort: 8090 }],
  args: ['sleep', '1000'],
};
const made = 'made';
const second = { addresses: ['10.78.0.9'] };

interface Case {
  /** What is so before. */
  readonly before: (agent: Agent) => Promise<unknown>;
  readonly work: (agent: Agent) => Promise<unknown>;
}

const cases: Readonly<Record<string, Case>> = {
  'a run that is detached': { before: async () => {}, work: (agent) => agent.ask('run', { ...wanted, detach: true }) },
  'a run that ends with its command': {
    before: async () => {},
    work: (agent) => agent.ask('run', { ...wanted, args: ['true'] }),
  },
  'a start': {
    before: (agent) => agent.ask('create', wanted),
    work: (agent) => agent.ask('container', 'victim', 'start'),
  },
  'a stop, and what comes after it': {
    before: (agent) => agent.ask('run', { ...wanted, detach: true }),
    work: async (agent) => {
      await agent.ask('container', 'victim', 'stop', { timeoutMs: 0 });
      await agent.ask('container', 'victim', 'remove');
    },
  },
  'a connection': {
    before: (agent) => agent.ask('run', { ...wanted, detach: true }),
    work: (agent) => agent.ask('networks', 'connect', 'second', 'victim', second),
  },
  'what makes and removes a network': {
    before: async () => {},
    work: async (agent) => {
      await agent.ask('networks', 'create', made, { subnets: [{ subnet: '10.79.0.0/24' }] });
      await agent.ask('networks', 'remove', made);
    },
  },
  'a disconnection': {
    before: async (agent) => {
      await agent.ask('run', { ...wanted, detach: true });
      await agent.ask('networks', 'connect', 'second', 'victim', second);
    },
    work: (agent) => agent.ask('networks', 'disconnect', 'second', 'victim'),
  },
};

async function withAgent<T>(work: (agent: Agent) => Promise<T>): Promise<T> {
  await using agent = host.agent(place);
  return await work(agent);
}

/** The next command finds what was left; removing what is there leaves nothing of it. */
async function expectNothingLeft(): Promise<void> {
  await withAgent(async (agent) => {
    const all = await agent.ask<{ id: string }[]>('containers', 'list', { all: true });
    for (const { id } of all) await expectAsItSays(agent, id).catch(unlessGone);
    for (const { id } of all) await agent.ask('container', id, 'remove', { force: true }).catch(unlessGone);
    await agent.ask('networks', 'remove', made).catch(unlessGone);
  });
  await expect.poll(left, { timeout: 60_000, interval: 100 }).toEqual([]);
}

/** It has the networks that its settings name. */
async function expectAsItSays(agent: Agent, id: string): Promise<void> {
  type Named = readonly { readonly network: string }[];
  const found = await agent.ask<{ status: string; settings: { network: Named }; networks: Named }>('container', id, 'inspect');
  const names = (list: Named): string[] => list.map(({ network }) => network);
  if (found.status === 'running') expect(names(found.networks)).toEqual(names(found.settings.network));
}

/** Of a container: its monitor was about to end when it was listed. */
function unlessGone(error: unknown): void {
  if ((error as { kind?: string }).kind !== 'not-found') throw error;
}

async function left(): Promise<string[]> {
  await withAgent((agent) => agent.ask('containers', 'list'));
  const rules = host.run('nft', 'list', 'ruleset').split('\n');
  return [...leftInPlace(place), ...leftOnHost(host, place), ...rules.filter((rule) => /10\.7[78]\.0\.9|8090/.test(rule))];
}

it.each(Object.entries(cases))(
  '%s is killed at each of its steps, and nothing of it stays',
  { timeout: 600_000 },
  async (name, { before, work }) => {
    const trace = path.join(place.folder, 'trace');
    await withAgent(before);
    {
      await using agent = host.agent(place, { trace });
      await work(agent);
    }
    await expectNothingLeft();
    const steps = [...new Set(readFileSync(trace, 'utf8').split('\n').slice(0, -1))];
    rmSync(trace);
    const ours = steps.filter((step) => /^(network|cni|run|operation|runtime)\./.test(step));
    for (const step of ours) {
      await withAgent(before);
      const agent = host.agent(place, { kill: { step, nth: 1, whom: ['command'] } });
      await Promise.race([work(agent).catch(() => {}), agent.ended]);
      agent.process.stdin?.end();
      expect(await agent.ended, `${name} at ${step}`).toBe('SIGKILL');
      await expectNothingLeft();
    }
    met.push(...ours);
  },
);

const met: string[] = [];
it('meets every step of networks that the table names', () => {
  expect(killedSteps.networks.filter((step) => !met.includes(step))).toEqual([]);
});

it('a run that is aborted at any time leaves nothing', { timeout: 300_000 }, async () => {
  for (let ms = 0; ms < 600; ms += 60) {
    await withAgent((agent) =>
      agent
        .ask('abortRun', { ...wanted, detach: true }, ms)
        .catch((error: { kind?: string }) => expect(error.kind).toBe('canceled')),
    );
    await expectNothingLeft();
  }
});

it('when monitor and command are both killed, the container runs on, and its networks go with it', async () => {
  await withAgent((agent) => agent.ask('run', { ...wanted, detach: true }));
  const [{ pid }] = (await withAgent((agent) => agent.ask('containers', 'list'))) as unknown as [{ pid: number }];
  const monitor = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  process.kill(monitor, 'SIGKILL');
  await withAgent(async (agent) => {
    expect(await agent.ask('containers', 'list')).toMatchObject([{ status: 'running', unsupervised: true }]);
    expect(await agent.ask('container', 'victim', 'inspect')).toMatchObject({ networks: [{ network: 'crash' }] });
  });
  process.kill(pid, 'SIGKILL');
  for (; existsSync(`/proc/${pid}`); ) await sleep(20);
  await expectNothingLeft();
});

it('fifty containers, ten at a time, have addresses of their own, and leave nothing', { timeout: 600_000 }, async () => {
  const names = Array.from({ length: 50 }, (_, n) => `many-${n}`);
  const addresses: string[] = [];
  await withAgent(async (agent) => {
    const queue = names.values();
    const work = async (): Promise<void> => {
      for (const name of queue) {
        await agent.ask('run', {
          image,
          name,
          network: [{ network: 'crash' }],
          ports: [{ containerPort: 80 }],
          detach: true,
          args: ['sleep', '1000'],
        });
        const { networks } = await agent.ask<{ networks: { addresses: string[] }[] }>('container', name, 'inspect');
        addresses.push(...networks.flatMap((one) => one.addresses));
      }
    };
    await Promise.all(Array.from({ length: 10 }, work));
    expect(await agent.ask('networks', 'inspect', 'crash')).toMatchObject({ containers: { length: 50 } });
  });
  expect(new Set(addresses).size).toBe(50);
  await expectNothingLeft();
});
