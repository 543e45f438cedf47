import { totalmem } from 'node:os';
import { type Container, type Engine, type RuntimeStats, SlipwayError } from '@slipway/plugin-api';
import { expect, test, vi } from 'vitest';
import { stats } from '../src/commands/stats.js';
import { top } from '../src/commands/top.js';
import { update } from '../src/commands/update.js';
import { LiveTable } from '../src/stats/live-table.js';
import { usageBetween } from '../src/stats/sample.js';
import { formatMemory } from '../src/units.js';
import { carryOut, containersNamed, fakeEngine } from './fake-engine.js';

let engine: Engine;
vi.mock('../src/host.js', () => ({ withEngine: (_: unknown, use: (given: Engine) => unknown) => use(engine) }));

function given(names: readonly string[], methods: (name: string) => Partial<Container>): void {
  engine = fakeEngine(containersNamed(names, methods));
}

const GiB = 1n << 30n;

function measured(second: number, cpuSeconds: number, more: Partial<RuntimeStats> = {}): RuntimeStats {
  return {
    readAt: new Date(second * 1000).toISOString(),
    cpu: { usageNs: BigInt(cpuSeconds * 1e9), userNs: 0n, systemNs: 0n },
    memory: { usageBytes: GiB, workingSetBytes: GiB / 2n, limitBytes: GiB, oomKills: 0n },
    pids: { current: 3n },
    io: { readBytes: 2n ** 60n + 1n, writeBytes: 0n },
    ...more,
  };
}

test('processor time is of one processor and between two samples, memory of its limit', () => {
  const one = { id: 'a', name: 'a' };
  const usage = usageBetween({ ...one, stats: measured(10, 1) }, { ...one, stats: measured(12, 4) });
  expect(usage).toMatchObject({ cpuPercent: 150, memoryPercent: 50, memoryLimitBytes: GiB });
});

test('one that was started anew between two samples counts from its start, and the first sample tells no share', () => {
  const one = { id: 'a', name: 'a' };
  expect(usageBetween({ ...one, stats: measured(10, 90) }, { ...one, stats: measured(11, 0.5) }).cpuPercent).toBe(50);
  expect(usageBetween(undefined, { ...one, stats: measured(11, 0.5) })).not.toHaveProperty('cpuPercent');
  expect(usageBetween({ ...one, stats: measured(10, 1) }, one)).toEqual(one);
});

test('without a limit memory is of the machine', () => {
  const { limitBytes: _, ...memory } = measured(1, 1).memory;
  expect(usageBetween(undefined, { id: 'a', name: 'a', stats: measured(1, 1, { memory }) }).memoryLimitBytes).toBe(
    BigInt(totalmem()),
  );
});

test('stats --no-stream tells what runs and what does not, once', async () => {
  let second = 0;
  given(['web', 'old'], (name) => ({
    stats: async () => {
      if (name === 'old') throw new SlipwayError({ kind: 'failed-precondition', code: 'CONTAINER_NOT_RUNNING', message: 'no' });
      second++;
      return measured(second, second / 4);
    },
  }));
  const { code, out } = await carryOut(stats, { name: 'stats', args: ['web', 'old'], options: { stream: false } });
  expect(code).toBe(0);
  expect(out.split('\n').map((line) => line.split(/ {3,}/))).toEqual([
    ['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET I/O', 'BLOCK I/O', 'PIDS'],
    ['id-of-web', 'web', '25.00%', '512 MiB / 1 GiB', '50.00%', '--', '1152921.5 TB / 0 B', '3'],
    ['id-of-old', 'old', '--', '--', '--', '--', '--', '--'],
    [''],
  ]);
});

test('stats as JSON is a line for each container, with all digits of its counters', async () => {
  given(['web'], () => ({ stats: async () => measured(1, 1) }));
  const { out } = await carryOut(stats, { name: 'stats', args: ['web'], options: { stream: false }, global: { json: true } });
  expect(out.trim().split('\n')).toHaveLength(1);
  expect(out).toContain('"readBytes":1152921504606846977');
  expect(JSON.parse(out)).toMatchObject({ id: 'id-of-web', name: 'web', memoryPercent: 50, pids: { current: 3 } });
});

test('stats of a container that is not there is an error', async () => {
  given([], () => ({}));
  await expect(carryOut(stats, { name: 'stats', args: ['gone'], options: { stream: false } })).rejects.toMatchObject({
    code: 'CONTAINER_NOT_FOUND',
  });
});

test('a live table takes the place of the one before, and never more than the screen', () => {
  const shown: string[] = [];
  const live = new LiveTable({ columns: 6, rows: 4 }, { out: (text) => void shown.push(text), err: () => undefined });
  live.show('HEADING\none\ntwo\nthree\nfour\n');
  live.show('HEADING\n');
  expect(shown).toEqual(['\r\u001b[JHEADIN\none\ntwo\n', '\u001b[3A\r\u001b[JHEADIN\n']);
});

test('a terminal that does not know its size has the usual one', () => {
  const shown: string[] = [];
  const live = new LiveTable({ columns: 0, rows: 0 }, { out: (text) => void shown.push(text), err: () => undefined });
  live.show('HEADING\none\n');
  expect(shown).toEqual(['\r\u001b[JHEADING\none\n']);
});

const process = {
  pid: 4000,
  ppid: 3999,
  containerPid: 1,
  uid: 33,
  state: 'S',
  startedAt: '2026-01-02T03:04:05.670Z',
  cpuMs: 61_500,
  rssBytes: 3 << 20,
  command: ['sh', '-c', 'a\u001b[2J'],
};

test('top lists processes, all columns or those that are named, and hides nothing from the terminal', async () => {
  given(['web'], () => ({ top: async () => [process] }));
  const all = await carryOut(top, { name: 'top', args: ['web'] });
  expect(all.out.split('\n')[0]?.split(/ {3,}/)).toEqual([
    'USER',
    'PID',
    'PPID',
    'CPID',
    'STATE',
    'STARTED',
    'TIME',
    'RSS',
    'COMMAND',
  ]);
  expect(all.out.split('\n')[1]).toBe(
    '33     4000   3999   1      S       2026-01-02T03:04:05Z   1:01   3 MiB   sh -c a\\u{1b}[2J',
  );
  expect((await carryOut(top, { name: 'top', args: ['web', 'PID', 'rss'] })).out).toBe('PID    RSS\n4000   3 MiB\n');
  expect((await carryOut(top, { name: 'top', args: ['web'], global: { quiet: true } })).out).toBe('4000\n');
  expect(JSON.parse((await carryOut(top, { name: 'top', args: ['web'], global: { json: true } })).out)).toEqual([process]);
  await expect(carryOut(top, { name: 'top', args: ['web', 'constructor'] })).rejects.toMatchObject({ code: 'USAGE' });
});

test('update passes on what is named and nothing else', async () => {
  const changes: unknown[] = [];
  given(['web', 'db'], () => ({ update: async (change) => void changes.push(JSON.parse(JSON.stringify(change))) }));
  const options = { memory: '64m', cpus: '1.5', memorySwap: '-1', pidsLimit: '-1', restart: 'on-failure:3' };
  expect(await carryOut(update, { name: 'update', args: ['web', 'db'], options })).toMatchObject({ code: 0, out: 'web\ndb\n' });
  const change = {
    limits: { memory: 64 << 20, cpus: 1.5, memorySwap: -1, pids: -1 },
    restart: { name: 'on-failure', maximumRetries: 3 },
  };
  expect(changes).toEqual([change, change]);
});

test.each([{}, { memory: 'much' }, { cpus: '0' }, { restart: 'sometimes' }])('update with %j is refused', async (options) => {
  given(['web'], () => ({}));
  await expect(carryOut(update, { name: 'update', args: ['web'], options })).rejects.toMatchObject({ code: 'USAGE' });
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [64 << 20, '64 MiB'],
  [2 ** 30 - 1, '1.0 GiB'],
])('%d bytes of memory are %s', (bytes, text) => {
  expect(formatMemory(bytes)).toBe(text);
});
