import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { digestOf, mediaTypes } from '@slipway/oci';
import { describe, expect, it } from 'vitest';
import { MemorySource, openPushing } from './memory-source.js';
import { failureOf, openResolver } from './open-resolver.js';
import { json, ScriptedServer } from './scripted-server.js';

const login = { username: 'alice', password: 'open sesame' };
const challenge = { 'www-authenticate': 'Basic realm="x"' };

describe('who was led elsewhere', () => {
  it('and back by an upload location comes without credentials', async () => {
    await using elsewhere = await ScriptedServer.start((request, response) => {
      request.resume();
      response.writeHead(202, { location: `http://${registry.host}/v2/victim/blobs/uploads/1` }).end();
    });
    const atVictim: (string | undefined)[] = [];
    await using registry = await ScriptedServer.start((request, response) => {
      request.resume();
      if (request.url?.startsWith('/v2/victim/') === true) {
        atVictim.push(request.headers.authorization);
        response.writeHead(201).end();
      } else if (request.headers.authorization === undefined) response.writeHead(401, challenge).end();
      else if (request.method === 'POST') response.writeHead(202, { location: `http://${elsewhere.host}/upload` }).end();
      else response.writeHead(404).end();
    });
    const source = new MemorySource();
    const layer = source.add(mediaTypes.ociLayer, Buffer.alloc(33 * 1024 * 1024, randomBytes(1021)));
    await using resolver = await openPushing({ auth: { [registry.host]: login } });
    {
      await using pusher = resolver.pusher(`${registry.host}/a:1`);
      await pusher.push(layer, source).catch(() => undefined);
    }
    expect(atVictim.length).toBeGreaterThan(0);
    expect(new Set(atVictim)).toEqual(new Set([undefined]));
  });

  it('and back by a link to more referrers comes without credentials', async () => {
    const page = (response: ServerResponse, link?: string): void =>
      json(
        response,
        200,
        { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] },
        { 'content-type': mediaTypes.ociIndex, ...(link === undefined ? {} : { link: `<${link}>; rel="next"` }) },
      );
    await using elsewhere = await ScriptedServer.start((_request, response) =>
      page(response, `http://${registry.host}/v2/victim/referrers/x`),
    );
    const atVictim: (string | undefined)[] = [];
    await using registry = await ScriptedServer.start((request, response) => {
      if (request.url?.startsWith('/v2/victim/') === true) {
        atVictim.push(request.headers.authorization);
        page(response);
      } else if (request.headers.authorization === undefined) response.writeHead(401, challenge).end();
      else response.writeHead(307, { location: `http://${elsewhere.host}/referrers` }).end();
    });
    await using resolver = await openPushing({ auth: { [registry.host]: login } });
    await resolver.referrers(`${registry.host}/a`, digestOf('subject'));
    expect(atVictim).toEqual([undefined]);
  });

  it('by hosts.toml is told to log in there: the password was given to a server of another name, and kept for nobody', async () => {
    await using elsewhere = await ScriptedServer.start((_request, response) => void response.writeHead(401, challenge).end());
    const folder = mkdtempSync(path.join(tmpdir(), 'slipway-login-'));
    try {
      mkdirSync(path.join(folder, 'r.test'));
      writeFileSync(path.join(folder, 'r.test/hosts.toml'), `server = "http://${elsewhere.host}"\n`);
      await using resolver = await openResolver({ config_path: [folder] });
      expect(await failureOf(resolver.login('r.test', login))).toMatchObject({
        kind: 'failed-precondition',
        code: 'REGISTRY_LOGIN_ELSEWHERE',
        hint: `slipway login ${elsewhere.host}`,
      });
      expect(elsewhere.log).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has not logged in: somebody else said that all is well, and has not seen the password', async () => {
    await using elsewhere = await ScriptedServer.start((_request, response) => void response.end('<html>Welcome</html>'));
    await using registry = await ScriptedServer.start(
      (_request, response) => void response.writeHead(302, { location: `http://${elsewhere.host}/` }).end(),
    );
    const folder = mkdtempSync(path.join(tmpdir(), 'slipway-login-'));
    try {
      await using resolver = await openResolver({ auth_file: path.join(folder, 'auth.json') });
      expect(await failureOf(resolver.login(registry.host, login))).toMatchObject({
        kind: 'failed-precondition',
        code: 'REGISTRY_LOGIN_UNTRIED',
      });
      expect(readdirSync(folder)).toEqual([]);
      expect(elsewhere.log.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
