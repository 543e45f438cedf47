import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { launcher, Place, Terminal } from './slipway.js';

const password = 'correct horse';
const basic = Buffer.from(`alice:${password}`).toString('base64');

/** What a registry answers to a login. */
let registry: Server;
let host: string;
let place: Place;
beforeAll(async () => {
  registry = createServer((request, response) => {
    const isAlice = request.headers.authorization === `Basic ${basic}`;
    response.writeHead(isAlice ? 200 : 401, isAlice ? {} : { 'www-authenticate': 'Basic realm="x"' }).end('{}');
  });
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(registry.address() as AddressInfo).port}`;
});
afterAll(async () => {
  registry.closeAllConnections();
  await new Promise((resolve) => registry.close(resolve));
});
beforeEach(() => {
  place = new Place();
  mkdirSync(place.file('run'));
  place.env['XDG_RUNTIME_DIR'] = place.file('run');
  return () => place[Symbol.dispose]();
});

const file = (): string => path.join(place.folder, '.docker/config.json');
const kept = (): unknown => JSON.parse(readFileSync(file(), 'utf8'));

test('login reads a password from stdin, warns that it is kept in clear, and logout forgets it', async () => {
  const { code, out, err } = await place.run(['login', '-u', 'alice', '--password-stdin', host], `${password}\n`);
  expect([code, out]).toEqual([0, `Logged in to ${host}\n`]);
  expect(err).toBe(
    `warning: the credentials are kept unencrypted in ${file()}; name a credential helper as "credsStore" there to change that\n`,
  );
  expect(kept()).toEqual({ auths: { [host]: { auth: basic } } });
  const again = await place.run(['login', '--json', '-u', 'alice', '--password-stdin', host], password);
  expect(JSON.parse(again.out)).toEqual({ host, store: file() });
  const left = await place.run(['logout', host]);
  expect([left.code, left.out]).toEqual([0, `Logged out of ${host} (${file()})\n`]);
  expect(kept()).toEqual({ auths: {} });
  const twice = await place.run(['logout', host]);
  expect([twice.code, twice.err]).toEqual([1, expect.stringContaining('no credentials are kept for it')]);
});

test('login asks on the terminal, shows the user name and not the password, and leaves the terminal as it was', async () => {
  await using terminal = new Terminal(place.env, [launcher, 'login', host]);
  const before = await terminal.settings();
  await terminal.sees('Username: ');
  terminal.type('alice\r');
  await terminal.sees('Password: ');
  terminal.type(`${password}\r`);
  expect(await terminal.exit).toBe(0);
  await terminal.sees('Logged in');
  expect(terminal.shown).toMatch(/Username: .*alice/);
  expect(terminal.shown).not.toMatch(/correct|horse/);
  expect(await terminal.settings()).toBe(before);
  expect(kept()).toEqual({ auths: { [host]: { auth: basic } } });
});

test.each([
  ['^C', '\u0003', 130],
  ['^D', '\u0004', 2],
])('%s at the question ends the login', async (_name, key, code) => {
  await using terminal = new Terminal(place.env, [launcher, 'login', '-u', 'alice', host]);
  const before = await terminal.settings();
  await terminal.sees('Password: ');
  terminal.type(key);
  expect(await terminal.exit).toBe(code);
  expect(await terminal.settings()).toBe(before);
});

test('a password on the command line is taken with a warning, and shown nowhere', async () => {
  const good = await place.run(['login', '-u', 'alice', '-p', password, host]);
  expect(good.code).toBe(0);
  expect(good.err).toContain('warning: a password on the command line');
  const bad = await place.run(['login', '--debug', '-u', 'alice', '-p', 'wrong-battery', host]);
  expect([bad.code, bad.out]).toEqual([1, '']);
  expect(bad.err).toContain('refuses access: checking the credentials: ');
  expect(bad.err).not.toMatch(/wrong-battery|d3JvbmctYmF0dGVye/);
  expect(kept()).toEqual({ auths: { [host]: { auth: basic } } });
});

test.each([
  [['login', '--password-stdin'], '--password-stdin needs --username'],
  [['login', '-u', 'a', '-p', 'b', '--password-stdin'], 'exclude each other'],
  [['login', '-u', 'a', '--identity-token'], 'exclude each other'],
  [['login', '-u', 'a'], 'no terminal to ask'],
  [['login'], 'give -u NAME --password-stdin'],
  [['login', '-u', 'a', '--password-stdin', 'x y'], 'is no registry'],
])('%j is refused: %s', async (args, message) => {
  const { code, out, err } = await place.run(args, 'pw');
  expect([code === 0, out]).toEqual([false, '']);
  expect(err).toContain(message);
});
