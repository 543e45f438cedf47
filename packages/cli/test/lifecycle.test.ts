import type { Container, Engine } from '@slipway/plugin-api';
import { expect, test, vi } from 'vitest';
import { kill } from '../src/commands/kill.js';
import { restart } from '../src/commands/restart.js';
import { rm } from '../src/commands/rm.js';
import { stop } from '../src/commands/stop.js';
import { wait } from '../src/commands/wait.js';
import { carryOut, containersNamed, fakeEngine, notFound } from './fake-engine.js';

let engine: Engine;
vi.mock('../src/host.js', () => ({ withEngine: (_: unknown, use: (given: Engine) => unknown) => use(engine) }));

function given(names: readonly string[], methods: (name: string) => Partial<Container>): void {
  engine = fakeEngine(containersNamed(names, methods));
}

test('several are stopped side by side, told in order, and a failure keeps no other', async () => {
  const stopping: string[] = [];
  const turn = Promise.withResolvers<void>();
  given(['a', 'b'], (name) => ({
    stop: async (options) => {
      stopping.push(`${name} ${options?.stopSignal} ${options?.timeoutMs}`);
      // The first one waits for the second: one after the other they would never end.
      if (name === 'a') await turn.promise;
      else turn.resolve();
    },
  }));
  const line = { name: 'stop', args: ['a', 'gone', 'b'], options: { timeout: '1.5', signal: 'INT' } };
  expect(await carryOut(stop, line)).toEqual({ code: 1, out: 'a\nb\n', err: 'slipway: no container "gone" here\n' });
  expect(stopping).toEqual(['a INT 1500', 'b INT 1500']);
});

test('as JSON those that are done are one array, and every failure a line of stderr', async () => {
  given(['a', 'b'], () => ({ stop: async () => undefined }));
  const { code, out, err } = await carryOut(stop, { name: 'stop', args: ['a', 'gone', 'b'], global: { json: true } });
  expect(code).toBe(1);
  expect(JSON.parse(out)).toEqual([
    { id: 'id-of-a', name: 'a' },
    { id: 'id-of-b', name: 'b' },
  ]);
  expect(JSON.parse(err)).toMatchObject({ kind: 'not-found', code: 'CONTAINER_NOT_FOUND' });
});

test.each([
  ['-1', -1],
  ['0', 0],
  ['60', 60_000],
  [undefined, undefined],
])('--timeout %s is %s milliseconds', async (timeout, timeoutMs) => {
  const seen: unknown[] = [];
  given(['a'], () => ({ stop: async (options) => void seen.push(options?.timeoutMs) }));
  expect(await carryOut(stop, { name: 'stop', args: ['a'], options: { timeout } })).toMatchObject({ code: 0 });
  expect(seen).toEqual([timeoutMs]);
});

test.each(['-2', '1e3', '', 'x', '1.2345'])('--timeout %j is refused before anything happens', async (timeout) => {
  given(['a'], () => ({}));
  await expect(carryOut(stop, { name: 'stop', args: ['a'], options: { timeout } })).rejects.toMatchObject({ code: 'USAGE' });
});

test('kill sends what was asked for', async () => {
  const sent: unknown[] = [];
  given(['a'], () => ({ kill: async (signal) => void sent.push(signal) }));
  await carryOut(kill, { name: 'kill', args: ['a'], options: { signal: 'HUP' } });
  await carryOut(kill, { name: 'kill', args: ['a'] });
  expect(sent).toEqual(['HUP', undefined]);
});

test('rm -f of what is not there is told and is no failure', async () => {
  const seen: unknown[] = [];
  given(['a'], () => ({ remove: async (options) => void seen.push(options) }));
  const line = { name: 'rm', args: ['gone', 'a'] };
  expect(await carryOut(rm, line)).toMatchObject({ code: 1, out: 'a\n' });
  const forced = await carryOut(rm, { ...line, options: { force: true, volumes: true } });
  expect(forced).toEqual({ code: 0, out: 'a\n', err: 'slipway: no container "gone" here\n' });
  expect(seen).toMatchObject([
    { force: false, volumes: false },
    { force: true, volumes: true },
  ]);
});

test('wait waits for all at once and prints exit codes in order', async () => {
  const second = Promise.withResolvers<void>();
  const seen: unknown[] = [];
  given(['a', 'b'], (name) => ({
    wait: async (options) => {
      seen.push(options?.until);
      if (name === 'a') await second.promise;
      else second.resolve();
      return { exitCode: name === 'a' ? 0 : 137, exitedAt: '2026-11-22T08:00:00Z' };
    },
  }));
  expect(await carryOut(wait, { name: 'wait', args: ['a', 'b'], options: { condition: 'next-exit' } })).toEqual({
    code: 0,
    out: '0\n137\n',
    err: '',
  });
  expect(seen).toEqual(['next-exit', 'next-exit']);
  const { out } = await carryOut(wait, { name: 'wait', args: ['b'], global: { json: true } });
  expect(JSON.parse(out)).toEqual([{ id: 'id-of-b', name: 'b', exitCode: 137, exitedAt: '2026-11-22T08:00:00Z' }]);
});

test('restart --boot tells who was started, and why another was not', async () => {
  const restarted = [
    { id: '1', name: 'web' },
    { id: '2', name: 'db', error: notFound('db') },
  ];
  engine = fakeEngine({ containers: { restartAfterBoot: async () => restarted } });
  const line = { name: 'restart', options: { boot: true } };
  expect(await carryOut(restart, line)).toEqual({ code: 1, out: 'web\n', err: 'slipway: no container "db" here\n' });
  const { out } = await carryOut(restart, { ...line, global: { json: true } });
  expect(JSON.parse(out)).toEqual([
    { id: '1', name: 'web' },
    { id: '2', name: 'db', error: { kind: 'not-found', code: 'CONTAINER_NOT_FOUND', message: 'no container "db" here' } },
  ]);
});

test('a signal ends the waiting with one message, and no further container has its turn', async () => {
  const seen: string[] = [];
  given(['a', 'b'], (name) => ({
    restart: async (options) => {
      seen.push(name);
      const ended = new Promise((_, reject) =>
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason as Error)),
      );
      process.kill(process.pid, 'SIGTERM');
      await ended;
    },
  }));
  await expect(carryOut(restart, { name: 'restart', args: ['a', 'b'] })).rejects.toMatchObject({
    code: 'INTERRUPTED',
    details: { signal: 15 },
  });
  expect(seen).toEqual(['a']);
});
