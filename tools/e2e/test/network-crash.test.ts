import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, expect, it } from 'vitest';
import { killedSteps } from './killed-steps.ts';
import { alive, until } from './living.ts';
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
/** Sets scenes, and looks: each of its calls finds what was left, as a command of its own would. Only what is killed needs a process of its own. */
const scene = host.agent(place);
afterAll(() => scene[Symbol.asyncDispose]());
await scene.ask('networks', 'create', 'crash', { subnets: [{ subnet: '10.77.0.0/24' }] });
await scene.ask('networks', 'create', 'second', { subnets: [{ subnet: '10.78.0.0/24' }] });

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
  /** Those of its steps at which it is killed: what it shares with another is killed there. */
  readonly steps: RegExp;
  /** What is so before. */
  readonly before: (agent: Agent) => Promise<unknown>;
  readonly work: (agent: Agent) => Promise<unknown>;
}

const afterStop = 'a stop, and what comes after it';

const cases: Readonly<Record<string, Case>> = {
  'a run that is detached': {
    steps: /^(network|run|operation|runtime)\./,
    before: async () => {},
    work: (agent) => agent.ask('run', { ...wanted, detach: true }),
  },
  'a run that ends with its command': {
    steps: /^(network\.(attached|detach|names\.ended|removed)|run\.(started|exited)|runtime\.(exited|delete)|operation\.ended)/,
    before: async () => {},
    work: (agent) => agent.ask('run', { ...wanted, args: ['true'] }),
  },
  'a start': {
    steps: /^network\./,
    before: (agent) => agent.ask('create', wanted),
    work: (agent) => agent.ask('container', 'victim', 'start'),
  },
  [afterStop]: {
    steps: /^(network|run|operation|runtime)\./,
    before: (agent) => agent.ask('run', { ...wanted, detach: true }),
    work: async (agent) => {
      await agent.ask('container', 'victim', 'stop', { timeoutMs: 0 });
      await agent.ask('container', 'victim', 'remove');
    },
  },
  'a connection': {
    steps: /^network\./,
    before: (agent) => agent.ask('run', { ...wanted, detach: true }),
    work: (agent) => agent.ask('networks', 'connect', 'second', 'victim', second),
  },
  'what makes and removes a network': {
    steps: /^network\./,
    before: async () => {},
    work: async (agent) => {
      await agent.ask('networks', 'create', made, { subnets: [{ subnet: '10.79.0.0/24' }] });
      await agent.ask('networks', 'remove', made);
    },
  },
  'a disconnection': {
    steps: /^network\./,
    before: async (agent) => {
      await agent.ask('run', { ...wanted, detach: true });
      await agent.ask('networks', 'connect', 'second', 'victim', second);
    },
    work: (agent) => agent.ask('networks', 'disconnect', 'second', 'victim'),
  },
};

/** The next command finds what was left; removing what is there leaves nothing of it. */
async function expectNothingLeft(): Promise<void> {
  const all = await scene.ask<{ id: string }[]>('containers', 'list', { all: true });
  for (const { id } of all) await expectAsItSays(id).catch(unlessGone);
  for (const { id } of all) await scene.ask('container', id, 'remove', { force: true }).catch(unlessGone);
  await scene.ask('networks', 'remove', made).catch(unlessGone);
  await expect.poll(left, { timeout: 60_000, interval: 100 }).toEqual([]);
}

/** It has the networks that its settings name. */
async function expectAsItSays(id: string): Promise<void> {
  type Named = readonly { readonly network: string }[];
  const found = await scene.ask<{ status: string; settings: { network: Named }; networks: Named }>('container', id, 'inspect');
  const names = (list: Named): string[] => list.map(({ network }) => network);
  if (found.status === 'running') expect(names(found.networks)).toEqual(names(found.settings.network));
}

/** Of a container: its monitor was about to end when it was listed. */
function unlessGone(error: unknown): void {
  if ((error as { kind?: string }).kind !== 'not-found') throw error;
}

async function left(): Promise<string[]> {
  await scene.ask('containers', 'list');
  const rules = host.run('nft', 'list', 'ruleset').split('\n');
  const ours = `process ${scene.process.pid} `;
  return [
    ...leftInPlace(place).filter((line) => !line.startsWith(ours)),
    ...leftOnHost(host, place),
    ...rules.filter((rule) => /10\.7[78]\.0\.9|8090/.test(rule)),
  ];
}

it.each(Object.entries(cases))(
  '%s is killed at each of its steps, and nothing of it stays',
  { timeout: 600_000 },
  async (name, { steps: own, before, work }) => {
    const trace = path.join(place.folder, 'trace');
    await before(scene);
    {
      await using agent = host.agent(place, { trace });
      await work(agent);
    }
    await expectNothingLeft();
    const steps = [...new Set(readFileSync(trace, 'utf8').split('\n').slice(0, -1))];
    rmSync(trace);
    for (const step of steps.filter((each) => own.test(each))) {
      await before(scene);
      const agent = host.agent(place, { kill: { step, nth: 1, whom: ['command'] } });
      await Promise.race([work(agent).catch(() => {}), agent.ended]);
      agent.process.stdin?.end();
      const signal = await agent.ended;
      // What comes after the end of a container that was left to itself is done by whoever is first.
      if (signal === 'SIGKILL') met.push(step);
      else expect(name, step).toBe(afterStop);
      await expectNothingLeft();
    }
  },
);

const met: string[] = [];
it('meets every step of networks that the table names', () => {
  expect(killedSteps.networks.filter((step) => !met.includes(step))).toEqual([]);
});

it('a run that is aborted at any time leaves nothing', { timeout: 300_000 }, async () => {
  for (let ms = 0; ms < 600; ms += 60) {
    await scene
      .ask('abortRun', { ...wanted, detach: true }, ms)
      .catch((error: { kind?: string }) => expect(error.kind).toBe('canceled'));
    await expectNothingLeft();
  }
});

it('when monitor and command are both killed, the container runs on, and its networks go with it', async () => {
  await scene.ask('run', { ...wanted, detach: true });
  const [{ pid }] = await scene.ask<[{ pid: number }]>('containers', 'list');
  const monitor = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  process.kill(monitor, 'SIGKILL');
  await until('the end of the monitor', async () => !alive(monitor));
  expect(await scene.ask('containers', 'list')).toMatchObject([{ status: 'running', unsupervised: true }]);
  expect(await scene.ask('container', 'victim', 'inspect')).toMatchObject({ networks: [{ network: 'crash' }] });
  process.kill(pid, 'SIGKILL');
  await until('the end', async () => !alive(pid));
  await expectNothingLeft();
});

it('fifty containers, ten at a time, have addresses of their own, and leave nothing', { timeout: 600_000 }, async () => {
  const names = Array.from({ length: 50 }, (_, n) => `many-${n}`);
  const addresses: string[] = [];
  const queue = names.values();
  const work = async (): Promise<void> => {
    for (const name of queue) {
      await scene.ask('run', {
        image,
        name,
        network: [{ network: 'crash' }],
        ports: [{ containerPort: 80 }],
        detach: true,
        args: ['sleep', '1000'],
      });
      const { networks } = await scene.ask<{ networks: { addresses: string[] }[] }>('container', name, 'inspect');
      addresses.push(...networks.flatMap((one) => one.addresses));
    }
  };
  await Promise.all(Array.from({ length: 10 }, work));
  expect(await scene.ask('networks', 'inspect', 'crash')).toMatchObject({ containers: { length: 50 } });
  expect(new Set(addresses).size).toBe(50);
  await expectNothingLeft();
});
