import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, startHost } from './registry.js';
import { launcher, Terminal } from './slipway.js';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(async () => {
  const { out } = await host.place.run(['ps', '-aq']);
  await host.place.run(['rm', '-f', ...out.split('\n').filter(Boolean)]);
  await host[Symbol.asyncDispose]();
});

const slipway = async (...args: string[]): Promise<string> => {
  const { code, out, err } = await host.place.run(args);
  expect([args, code, err]).toEqual([args, 0, '']);
  return out;
};

test('start -ai gives a container that was made with -it our terminal, from its first byte until the keys to detach', async () => {
  await slipway(
    'create',
    '-it',
    '--name',
    'shell',
    host.image,
    'sh',
    '-c',
    'echo first; read line; echo "got $line"; read line; exit 6',
  );
  await using terminal = new Terminal(host.place.env, [launcher, 'start', '-ai', 'shell']);
  const before = await terminal.settings();
  await terminal.sees(/^first\r\n/);
  terminal.type('words\r');
  await terminal.sees('got words\r\n');
  terminal.type('\x10\x11');
  expect(await terminal.exit).toBe(0);
  expect(await terminal.settings()).toBe(before);
  expect(await slipway('ps', '-f', 'name=shell')).toMatch(/ Up .* shell\n$/);

  await using again = new Terminal(host.place.env, [launcher, 'attach', 'shell']);
  again.type('\r');
  expect(await again.exit).toBe(6);
});

test('start -a without -i gives it no input, and passes signals on', async () => {
  await slipway(
    'create',
    '-i',
    '--name',
    'deaf',
    host.image,
    'sh',
    '-c',
    'trap "exit 9" TERM; echo ready; while :; do sleep 1 & wait; done',
  );
  const child = host.place.start(['start', '--attach', 'deaf'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let shown = '';
  for await (const chunk of child.stdout ?? []) {
    shown += String(chunk);
    if (shown === 'ready\n') child.kill('SIGTERM');
  }
  expect([shown, await ended]).toEqual(['ready\n', 9]);
});
