import 'reflect-metadata';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { failureOf, openResolver } from './open-resolver.js';
import { json, ScriptedServer } from './scripted-server.js';

const secret = 'pa"ss wörd&COMPLICATED';

describe('secrets that a server repeats', () => {
  const echoes: [string, (asked: string) => unknown][] = [
    ['in a message', () => ({ errors: [{ code: 'DENIED', message: `not ${secret}` }] })],
    ['in a code, cut in the middle', () => ({ errors: [{ code: `${'x'.repeat(60)}${secret}`, message: 'no' }] })],
    ['as a code', () => ({ errors: [{ code: 'COMPLICATED', message: 'no' }] })],
    ['as it was asked', (asked) => ({ errors: [{ code: 'DENIED', message: `cannot read ${asked}` }] })],
    ['in JSON in JSON', () => ({ details: JSON.stringify({ got: secret }) })],
    ['in a URL', () => ({ details: `password=${encodeURIComponent(secret)}` })],
  ];
  it.each(echoes)('%s are not shown', async (name, answer) => {
    const password = name === 'as a code' ? 'COMPLICATED' : secret;
    await using server = await ScriptedServer.start(async (request, response, self) => {
      if (request.url?.startsWith('/token') !== true)
        return void response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${self.host}/token"` }).end();
      if (request.method === 'GET') return void response.writeHead(405).end();
      json(response, 403, answer(await text(request)));
    });
    await using resolver = await openResolver({ auth: { [server.host]: { username: 'alice', password } } });
    const error = await failureOf(resolver.resolve(`${server.host}/a:1`));
    expect(error).toMatchObject({ kind: 'permission-denied', code: 'REGISTRY_UNAUTHORIZED' });
    const shown = inspect(error, { depth: 10 }) + JSON.stringify(error);
    for (const part of ['pa"s', 'pa\\"s', 'pa%22', 'COMPLI']) expect(shown).not.toContain(part);
  });

  it('that begin like another one are taken out whole', async () => {
    await using server = await ScriptedServer.start((request, response, self) => {
      if (request.url?.startsWith('/token') === true) return json(response, 200, { token: 'open-sesame' });
      const challenge = { 'www-authenticate': `Bearer realm="http://${self.host}/token"` };
      json(response, 401, { errors: [{ code: 'DENIED', message: 'not open-sesame' }] }, challenge);
    });
    await using resolver = await openResolver({ auth: { [server.host]: { username: 'alice', password: 'open' } } });
    const error = await failureOf(resolver.resolve(`${server.host}/a:1`));
    expect(error.message).not.toContain('sesame');
  });
});

it('what stands behind the scheme of a configured header is not shown', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-hosts-'));
  try {
    await using server = await ScriptedServer.start((_request, response) =>
      json(response, 403, { errors: [{ code: 'DENIED', message: 'key hunter2-key is not good' }] }),
    );
    const own = path.join(folder, server.host);
    mkdirSync(own);
    const toml = `server = "http://${server.host}"\n[header]\nx-api-key = "Key hunter2-key"\n`;
    writeFileSync(path.join(own, 'hosts.toml'), toml);
    await using resolver = await openResolver({ config_path: [folder] });
    const error = await failureOf(resolver.resolve(`${server.host}/a:1`));
    expect(error).toMatchObject({ kind: 'permission-denied', message: expect.stringContaining('key *** is') as string });
    expect(server.log[0]?.headers['x-api-key']).toBe('Key hunter2-key');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('files of the configuration', () => {
  it.each([
    ['password_file', 'REGISTRY_PASSWORD_FILE_INVALID'],
    ['ca', 'REGISTRY_CA_INVALID'],
  ])('that are FIFOs, endless or empty are no %s: a FIFO was waited for without an end', async (key, code) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'slipway-files-'));
    try {
      const fifo = path.join(folder, 'fifo');
      execFileSync('mkfifo', [fifo]);
      await using server = await ScriptedServer.start(
        (_request, response) => void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
      );
      for (const file of [fifo, '/dev/zero', '/dev/null']) {
        const isCa = key === 'ca';
        await using resolver = await openResolver(
          isCa
            ? { ca: file, hosts: { [server.host]: { plain_http: false } } }
            : { auth: { [server.host]: { username: 'a', password_file: file } } },
        );
        expect(await failureOf(resolver.resolve(`${server.host}/a:1`))).toMatchObject({
          kind: 'invalid-argument',
          code,
          message: expect.stringContaining(file) as string,
        });
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
