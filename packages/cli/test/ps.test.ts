import type { ContainerSummary, Engine, EventLine } from '@slipway/plugin-api';
import { expect, test, vi } from 'vitest';
import { completeNames } from '../src/commands/complete-names.js';
import { containerPrune } from '../src/commands/container-prune.js';
import { events } from '../src/commands/events.js';
import { inspect } from '../src/commands/inspect.js';
import { ps } from '../src/commands/ps.js';
import { statusText } from '../src/containers/status-text.js';
import { parseMoment } from '../src/moment.js';
import { shortName } from '../src/short-name.js';
import { formatSpan } from '../src/units.js';
import { carryOut, fakeEngine, notFound } from './fake-engine.js';

let engine: Engine;
vi.mock('../src/host.js', () => ({ withEngine: (_: unknown, use: (given: Engine) => unknown) => use(engine) }));

const now = Date.parse('2026-11-22T12:00:00Z');
const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();

function container(more: Partial<ContainerSummary>): ContainerSummary {
  return {
    id: '0123456789ab'.padEnd(64, 'c'),
    name: 'web',
    image: 'docker.io/library/alpine:latest',
    command: ['sh', '-c', 'sleep 1000000000'],
    createdAt: '2026-11-22T09:00:00Z',
    status: 'running',
    restarts: 0,
    labels: {},
    ports: [],
    runtime: 'runc',
    snapshotter: 'overlay',
    ...more,
  };
}

const health = (status: 'starting' | 'healthy' | 'unhealthy') => ({ status, failures: 0 });

test.each<[Partial<ContainerSummary>, string]>([
  [{ status: 'created' }, 'Created'],
  [{ startedAt: '2026-11-22T11:57:00Z', health: health('healthy') }, 'Up 3 minutes (healthy)'],
  [{ startedAt: '2026-11-22T11:57:00Z', health: health('starting') }, 'Up 3 minutes (health: starting)'],
  [{ startedAt: '2026-11-22T11:59:59.5Z' }, 'Up Less than a second'],
  [{ status: 'paused', startedAt: '2026-11-22T11:57:30Z' }, 'Up 2 minutes (Paused)'],
  [
    { startedAt: '2026-11-22T10:59:00Z', unsupervised: true, health: health('unhealthy') },
    'Up About an hour (unhealthy, unsupervised)',
  ],
  [{ status: 'restarting', exitCode: 1, finishedAt: '2026-11-22T11:59:55Z' }, 'Restarting (1) 5 seconds ago'],
  [{ status: 'exited', exitCode: 137, finishedAt: '2026-11-22T10:00:00Z' }, 'Exited (137) 2 hours ago'],
  [
    { status: 'exited', exitCode: 137, oomKilled: true, finishedAt: '2026-11-20T10:00:00Z' },
    'Exited (137) 2 days ago (out of memory)',
  ],
  [{ status: 'exited', finishedAt: '2026-11-22T10:00:00Z' }, 'Exited (unknown) 2 hours ago'],
  [{ status: 'exited' }, 'Exited (unknown)'],
])('the status of %j is %s', (more, text) => {
  expect(statusText(container(more), now)).toBe(text);
});

test.each([
  [-5, 'Less than a second'],
  [1, '1 second'],
  [59.9, '59 seconds'],
  [61, 'About a minute'],
  [120, '2 minutes'],
  [3600, 'About an hour'],
  [7200, '2 hours'],
  [86_400 * 2, '2 days'],
  [86_400 * 14, '2 weeks'],
  [86_400 * 60, '2 months'],
  [86_400 * 730, '2 years'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatSpan(seconds * 1000)).toBe(text);
});

test('ps has docker’s columns, short', async () => {
  const listed = [
    container({
      startedAt: ago(200),
      createdAt: ago(3 * 3600),
      ports: [{ protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 8080, containerPort: 80 }],
    }),
    container({
      id: 'chosen',
      name: 'odd',
      image: 'oci:/x\u001b[2J',
      command: ['a\u001b'],
      createdAt: ago(0),
      status: 'created',
    }),
  ];
  engine = fakeEngine({ containers: { list: async () => listed } });
  const { out, code } = await carryOut(ps, { name: 'ps' });
  expect(code).toBe(0);
  expect(out).toBe(
    [
      'CONTAINER ID   IMAGE             COMMAND                  CREATED                  STATUS         PORTS                    NAMES',
      '0123456789ab   alpine:latest     "sh -c sleep 1000000…"   3 hours ago              Up 3 minutes   127.0.0.1:8080->80/tcp   web',
      'chosen         oci:/x\\u{1b}[2J   "a\\u{1b}"                Less than a second ago   Created                                 odd',
      '',
    ].join('\n'),
  );
  const whole = await carryOut(ps, { name: 'ps', options: { trunc: false } });
  expect(whole.out).toContain(`${listed[0]?.id}   docker.io/library/alpine:latest   "sh -c sleep 1000000000"`);
  expect((await carryOut(ps, { name: 'ps', global: { quiet: true } })).out).toBe('0123456789ab\nchosen\n');
  expect(JSON.parse((await carryOut(ps, { name: 'ps', global: { json: true } })).out)).toEqual(listed);
});

test.each<[Readonly<Record<string, unknown>>, object, number]>([
  [{}, { all: false, filters: {} }, 3],
  [{ all: true }, { all: true }, 3],
  [{ latest: true }, { all: true }, 1],
  [{ last: '2' }, { all: true }, 2],
  [{ filter: ['status=exited', 'status=created'] }, { all: true, filters: { status: ['exited', 'created'] } }, 3],
  [{ filter: ['exited=137'] }, { all: true, filters: { exited: [137] } }, 3],
  [
    { filter: ['label=a=b', 'name=w', 'ancestor=alpine', 'before=x', 'health=none', 'volume=v', 'id=0', 'since=y'] },
    {
      all: false,
      filters: {
        label: ['a=b'],
        name: ['w'],
        ancestor: ['alpine'],
        before: 'x',
        health: ['none'],
        volume: ['v'],
        id: ['0'],
        since: 'y',
      },
    },
    3,
  ],
])('ps %j asks for %j', async (options, asked, shown) => {
  const seen: unknown[] = [];
  engine = fakeEngine({
    containers: {
      list: async (given) => {
        seen.push(given);
        return [container({}), container({}), container({})];
      },
    },
  });
  const { out } = await carryOut(ps, { name: 'ps', options, global: { quiet: true } });
  expect(out.split('\n').length - 1).toBe(shown);
  expect(seen).toMatchObject([asked]);
});

test('ps --size adds what a container has written', async () => {
  const one = container({ startedAt: ago(1) });
  engine = fakeEngine({
    containers: { list: async () => [one], inspect: async () => ({ ...one, snapshotKey: 'k' }) as never },
    system: {
      snapshots: async () => [
        { snapshotter: 'native', name: 'k', usage: { bytes: 1, inodes: 1 } } as never,
        { snapshotter: 'overlay', name: 'k', usage: { bytes: 4096, inodes: 1 } } as never,
      ],
    },
  });
  expect((await carryOut(ps, { name: 'ps', options: { size: true } })).out).toMatch(/NAMES +SIZE\n.* web +4\.1 kB\n$/);
  const { out } = await carryOut(ps, { name: 'ps', options: { size: true }, global: { json: true } });
  expect(JSON.parse(out)).toEqual([{ ...one, size: 4096 }]);
});

test('names of images are as short as they can be typed', () => {
  expect(
    [
      'docker.io/library/alpine:latest',
      'docker.io/team/app:1',
      'docker.io/localhost/app:1',
      'docker.io/library/team/app:1',
      'localhost:5000/app:1',
      'oci:/srv/app',
      'docker.io/library/alpine@sha256:'.padEnd(96, 'a'),
    ].map(shortName),
  ).toEqual([
    'alpine:latest',
    'team/app:1',
    'docker.io/localhost/app:1',
    'library/team/app:1',
    'localhost:5000/app:1',
    'oci:/srv/app',
    'alpine@sha256:'.padEnd(78, 'a'),
  ]);
});

test('inspect prefers the container, and looks where --type says', async () => {
  const looked: string[] = [];
  engine = fakeEngine({
    containers: {
      inspect: async (name) => {
        looked.push(`container ${name}`);
        if (name !== 'web') throw notFound(name);
        return container({}) as never;
      },
    },
    images: {
      inspect: async (name) => {
        looked.push(`image ${name}`);
        if (name === 'nobody') throw Object.assign(notFound(name), { code: 'IMAGE_NOT_FOUND' });
        return { name: 'an image' } as never;
      },
    },
  });
  const both = await carryOut(inspect, { name: 'inspect', args: ['web', 'alpine', 'nobody'] });
  expect(both.code).toBe(1);
  expect(JSON.parse(both.out)).toMatchObject([{ name: 'web' }, { name: 'an image' }]);
  expect(both.err).toMatch(/^slipway: no container and no image "nobody" here\nhint: slipway ps --all/);
  looked.length = 0;
  await carryOut(inspect, { name: 'inspect', args: ['web'], options: { type: 'image' } });
  await carryOut(inspect, { name: 'inspect', args: ['web'], options: { platform: 'linux/arm64' } });
  await carryOut(inspect, { name: 'inspect', args: ['alpine'], options: { type: 'container' } });
  expect(looked).toEqual(['image web', 'image web', 'container alpine']);
});

const happened: readonly EventLine[] = [
  {
    time: '2026-11-22T08:00:00.123456789Z',
    type: 'container',
    action: 'die',
    id: 'c1',
    attributes: { name: 'web', exitCode: '1' },
  },
  { time: '2026-11-22T08:00:01.000000000Z', type: 'image', action: 'pull', id: 'a\u001b', attributes: {} },
];

test('events are lines as docker’s, or JSON', async () => {
  const seen: unknown[] = [];
  engine = fakeEngine({
    containers: {
      events: async function* (options) {
        seen.push(options);
        yield* happened;
      },
    },
  });
  const options = {
    since: '2026-11-22',
    until: '1795334400.5',
    filter: ['type=container', 'event=die', 'event=oom', 'container=web'],
  };
  expect(await carryOut(events, { name: 'events', options })).toEqual({
    code: 0,
    err: '',
    out: '2026-11-22T08:00:00.123456789Z container die c1 (name=web, exitCode=1)\n2026-11-22T08:00:01.000000000Z image pull a\\u{1b}\n',
  });
  expect(seen).toMatchObject([
    {
      since: new Date('2026-11-22T00:00'),
      until: new Date(1_795_334_400_500),
      filters: { type: ['container'], action: ['die', 'oom'], container: ['web'], label: undefined },
    },
  ]);
  const { out } = await carryOut(events, { name: 'events', global: { json: true } });
  expect(
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as EventLine),
  ).toEqual(happened);
});

test('a signal ends events quietly', async () => {
  engine = fakeEngine({
    containers: {
      events: async function* ({ signal } = {}) {
        yield* happened.slice(1);
        process.kill(process.pid, 'SIGINT');
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
      },
    },
  });
  expect(await carryOut(events, { name: 'events' })).toMatchObject({ code: 130, err: '' });
});

test.each([
  ['2026-11-22T08:00:00Z', '2026-11-22T08:00:00.000Z'],
  ['2026-11-22T08:00:00.123456789+02:00', '2026-11-22T06:00:00.123Z'],
  ['0', '1970-01-01T00:00:00.000Z'],
  ['1h30m', '2026-11-22T10:30:00.000Z'],
  ['250ms', '2026-11-22T11:59:59.750Z'],
])('%s is a time', (text, iso) => {
  expect(parseMoment('events', '--since', text, now).toISOString()).toBe(iso);
});

test.each(['', 'yesterday', '2026-13-01', '1h 2m', '-5m', '99999999999999999999'])('%j is no time', (text) => {
  expect(() => parseMoment('events', '--since', text, now)).toThrow(/--since ".*" is no time/);
});

test('container prune says what goes, asks no script, and asks for what the filters say', async () => {
  const seen: unknown[] = [];
  engine = fakeEngine({
    containers: {
      prune: async (options) => {
        seen.push(options);
        return { containers: [container({}).id], bytes: 4096 };
      },
    },
  });
  const name = 'container prune';
  const options = { force: true, volumes: true, filter: ['label=a=b', 'label=c', 'until=2026-11-22T00:00:00Z'] };
  expect((await carryOut(containerPrune, { name, options })).out).toBe('Deleted: 0123456789ab\nFreed: 4.1 kB\n');
  expect((await carryOut(containerPrune, { name, options: { dryRun: true } })).out).toBe(
    'Would delete: 0123456789ab\nWould free: 4.1 kB\n',
  );
  expect((await carryOut(containerPrune, { name, options, global: { quiet: true } })).out).toBe(`${container({}).id}\n`);
  expect(JSON.parse((await carryOut(containerPrune, { name, options, global: { json: true } })).out)).toEqual({
    containers: [container({}).id],
    bytes: 4096,
  });
  expect(seen[0]).toMatchObject({
    labels: ['a=b', 'c'],
    until: new Date('2026-11-22T00:00:00Z'),
    volumes: true,
    dryRun: false,
  });
  expect(seen[1]).toMatchObject({ labels: [], until: undefined, volumes: false, dryRun: true });
});

test('shells are offered what is as short as it can be typed, and in full what begins so', async () => {
  const seen: unknown[] = [];
  engine = fakeEngine({
    containers: {
      list: async (options) => {
        seen.push(options?.filters?.status);
        return [container({}), container({ name: 'db', id: 'f'.repeat(64) })];
      },
    },
    images: { list: async () => [{ name: 'docker.io/library/alpine:latest' }, { name: 'localhost:5000/app:1' }] as never },
    volumes: { list: async () => [{ name: 'data' }] as never },
  });
  const offered = async (...args: string[]): Promise<string> =>
    (await carryOut(completeNames, { name: 'complete-names', args })).out;
  expect(await offered('images')).toBe('alpine:latest\nalpine\nlocalhost:5000/app:1\n');
  expect(await offered('images', 'al')).toBe('alpine:latest\nalpine\n');
  expect(await offered('images', 'docker.')).toBe('docker.io/library/alpine:latest\n');
  expect(await offered('images', 'x')).toBe('');
  expect(await offered('containers', 'w')).toBe('web\n');
  expect(await offered('containers', 'ff')).toBe(`${'f'.repeat(12)}\n`);
  expect(await offered('volumes')).toBe('data\n');
  expect(await offered('containers-and-images')).toBe('web\ndb\nalpine:latest\nalpine\nlocalhost:5000/app:1\n');
  for (const kind of ['running', 'paused', 'stopped']) expect(await offered(kind)).toBe('web\ndb\n');
  expect(seen.slice(-3)).toEqual([['running', 'paused', 'restarting'], ['paused'], ['created', 'exited']]);
});
