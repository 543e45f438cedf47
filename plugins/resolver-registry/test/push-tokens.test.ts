import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DockerRegistry } from './docker-registry.js';
import { MemorySource, openPushing } from './memory-source.js';
import { failureOf } from './open-resolver.js';
import { TokenServer } from './token-server.js';

describe('push to a real registry with a token server', () => {
  let tokens: TokenServer;
  let registry: DockerRegistry;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'slipway-push-tokens-'));
    tokens = await TokenServer.start({ alice: 'pass:word', reader: 'read only' });
    registry = await DockerRegistry.start({ auth: tokens.registryAuth });
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await tokens[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const as = (username: string, password: string) =>
    openPushing({
      auth: { [registry.host]: { username, password } },
      auth_file: path.join(folder, 'none.json'),
      config_path: [],
    });

  it('asks for pull and push, and for both repositories when it takes a blob from another', async () => {
    const source = new MemorySource();
    const { layer, config, manifest } = source.image(randomBytes(100_000));
    await using resolver = await as('alice', 'pass:word');
    tokens.asked.length = 0;
    await using first = resolver.pusher(`${registry.host}/from:1`);
    for (const one of [layer, config, manifest]) await first.push(one, source);
    await first.complete(manifest);
    await using second = resolver.pusher(`${registry.host}/to:1`);
    expect(await second.push(layer, source, { from: [`${registry.host}/from`] })).toBe('mounted');
    expect(await second.push(config, source, { from: [`${registry.host}/from`] })).toBe('mounted');
    await second.push(manifest, source);
    await second.complete(manifest);
    expect((await resolver.resolve(`${registry.host}/to:1`)).descriptor).toEqual(manifest);
    const pushing = (name: string) => `repository:${name}:pull,push`;
    // One for each set of scopes, however many requests there were.
    expect(tokens.asked).toEqual([
      `GET alice ${pushing('from')}`,
      `GET alice ${pushing('to')}`,
      `GET alice ${pushing('to')} repository:from:pull`,
    ]);
  });

  it('that the account may not do is told with what was asked for, after one more token', async () => {
    const source = new MemorySource();
    const { layer } = source.image(randomBytes(1000));
    await using resolver = await as('reader', 'read only');
    tokens.asked.length = 0;
    await using pusher = resolver.pusher(`${registry.host}/from:2`);
    const error = await failureOf(pusher.push(layer, source));
    expect(error).toMatchObject({
      kind: 'permission-denied',
      message: expect.stringContaining('repository:from:pull,push'),
      hint: expect.stringContaining('slipway login'),
    });
    // The first was good enough to look whether the blob is there.
    expect(tokens.asked).toEqual(Array.from({ length: 2 }, () => 'GET reader repository:from:pull,push'));
    expect(JSON.stringify(error)).not.toContain('read only');
  });
});
