import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, startHost } from './registry.js';
import { launcher, Terminal } from './slipway.js';

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host[Symbol.asyncDispose]());

test('container prune asks on a terminal, and only a yes agrees', async () => {
  const id = (await host.place.run(['create', host.image])).out.trim();
  const answer = async (typed: string): Promise<string> => {
    await using terminal = new Terminal(host.place.env, [launcher, 'container', 'prune']);
    await terminal.sees('This removes all containers that do not run, with what they have written.\r\nGo on? [y/N] ');
    terminal.type(typed);
    expect(await terminal.exit).toBe(0);
    return terminal.shown;
  };
  for (const no of ['n\r', '\r', 'yup\r', '\x04']) expect(await answer(no)).not.toContain('Deleted');
  expect((await host.place.run(['ps', '-aq', '--no-trunc'])).out).toBe(`${id}\n`);
  expect(await answer('y\r')).toContain(`Deleted: ${id.slice(0, 12)}\r\nFreed: `);
  expect((await host.place.run(['ps', '-aq'])).out).toBe('');
});
