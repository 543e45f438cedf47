import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, startHost } from './registry.js';
import { finished, Place } from './slipway.js';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host[Symbol.asyncDispose]());

test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)(
  '%s is forwarded, and we wait for what the container makes of it',
  async (signal) => {
    const name = signal.slice(3);
    const script = `trap 'echo got ${name}; exit 33' ${name}; echo ready; while :; do sleep 0.05; done`;
    const child = host.place.start(['run', host.image, 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    const result = finished(child);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    child.kill(signal);
    const { code, out, err } = await result;
    expect([code, out, err]).toEqual([33, `ready\ngot ${name}\n`, '']);
  },
);

test('a first process that ignores SIGTERM goes on, as with docker', async () => {
  const script = 'trap "" TERM; echo ready; sleep 0.5; exit 12';
  const child = host.place.start(['run', host.image, 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  const result = finished(child);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  child.kill('SIGTERM');
  expect((await result).code).toBe(12);
});

test.each([
  ['pull', 'SIGINT', 130],
  ['pull', 'SIGTERM', 143],
  ['run', 'SIGINT', 130],
  ['run', 'SIGTERM', 143],
] as const)('%s that waits for a registry ends at %s with %d and leaves nothing', async (command, signal, code) => {
  using place = new Place();
  let asked = (): void => {};
  const request = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const server = createServer(() => asked());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const child = place.start([command, `127.0.0.1:${(server.address() as AddressInfo).port}/test/never`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const result = finished(child);
    await request;
    child.kill(signal);
    const { code: found, err } = await result;
    expect(found).toBe(code);
    expect(err).toContain(`was interrupted by ${signal}`);
    for (const left of ['state/ops', 'state/containers', 'root/content.v1/local/ingest']) {
      const folder = place.file(left);
      expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
