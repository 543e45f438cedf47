import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { digestOf, mediaTypes } from '@slipway/oci';
import { stepChannel } from '@slipway/plugin-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from './certificates.js';
import { DockerRegistry } from './docker-registry.js';
import { failureOf, openResolver, readAll } from './open-resolver.js';
import { type PushedImage, pushImage } from './push-image.js';
import { TokenServer } from './token-server.js';

describe('a plain registry on loopback', () => {
  let registry: DockerRegistry;
  let image: PushedImage;
  beforeAll(async () => {
    registry = await DockerRegistry.start();
    image = await pushImage({ origin: `http://${registry.host}` }, 'team/app');
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it('resolves tags, indexes and digests', async () => {
    await using resolver = await openResolver();
    const app = `${registry.host}/team/app`;
    expect(await resolver.resolve(app)).toEqual({ name: `${app}:latest`, descriptor: image.manifest });
    expect(await resolver.resolve(`localhost:${registry.port}/team/app:multi`)).toMatchObject({ descriptor: image.index });
    const byDigest = `${app}@${image.manifest.digest}`;
    expect(await resolver.resolve(byDigest)).toEqual({ name: byDigest, descriptor: image.manifest });
    expect(await resolver.resolve(`${app}:latest@${image.index.digest}`)).toMatchObject({
      descriptor: { digest: image.index.digest },
    });
  });

  it('fetches manifests and blobs, whole and from an offset', async () => {
    await using resolver = await openResolver();
    const fetcher = resolver.fetcher(`${registry.host}/team/app`);
    expect(await readAll((await fetcher.fetch(image.manifest)).body)).toEqual(image.manifestBytes);
    await using whole = await fetcher.fetch(image.layer);
    expect(whole.offset).toBe(0);
    expect(digestOf(await readAll(whole.body))).toBe(image.layer.digest);
    await using rest = await fetcher.fetch(image.layer, { offset: 123_456 });
    expect(rest.offset).toBe(123_456);
    expect(await readAll(rest.body)).toEqual(image.layerBytes.subarray(123_456));
    await using end = await fetcher.fetch(image.layer, { offset: image.layer.size });
    expect(end.offset).toBe(image.layer.size);
    expect(await readAll(end.body)).toHaveLength(0);
    await expect(fetcher.fetch(image.layer, { offset: image.layer.size + 1 })).rejects.toMatchObject({ kind: 'out-of-range' });
  });

  it('tells a missing tag from a missing repository and a missing blob', async () => {
    await using resolver = await openResolver();
    const cases: [() => Promise<unknown>, string][] = [
      [() => resolver.resolve(`${registry.host}/team/app:nope`), 'REGISTRY_TAG_NOT_FOUND'],
      [() => resolver.resolve(`${registry.host}/team/nope`), 'REGISTRY_REPOSITORY_NOT_FOUND'],
      [() => resolver.resolve(`${registry.host}/team/app@${digestOf('nope')}`), 'REGISTRY_MANIFEST_NOT_FOUND'],
      [
        () => resolver.fetcher(`${registry.host}/team/app`).fetch({ ...image.layer, digest: digestOf('nope') }),
        'REGISTRY_BLOB_NOT_FOUND',
      ],
    ];
    for (const [attempt, code] of cases) await expect(attempt()).rejects.toMatchObject({ kind: 'not-found', code });
  });

  it('resolves what skopeo pushed', async () => {
    const skopeo = (...args: string[]): string =>
      execFileSync('skopeo', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const source = `docker://${registry.host}/team/app:latest`;
    skopeo(
      'copy',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      '--format',
      'v2s2',
      '--insecure-policy',
      source,
      `docker://${registry.host}/team/copy:v2s2`,
    );
    await using resolver = await openResolver();
    const { descriptor } = await resolver.resolve(`${registry.host}/team/copy:v2s2`);
    expect(descriptor.mediaType).toBe(mediaTypes.dockerManifest);
    expect(descriptor.digest).toBe(
      JSON.parse(skopeo('inspect', '--tls-verify=false', `docker://${registry.host}/team/copy:v2s2`)).Digest,
    );
  });

  it('announces its steps', async () => {
    const seen: string[] = [];
    const listener = (message: unknown): void => void seen.push((message as { name: string }).name);
    stepChannel.subscribe(listener);
    try {
      await using resolver = await openResolver();
      await resolver.resolve(`${registry.host}/team/app`);
      await using content = await resolver.fetcher(`${registry.host}/team/app`).fetch(image.layer);
      await readAll(content.body);
    } finally {
      stepChannel.unsubscribe(listener);
    }
    expect(seen).toEqual(['resolve.resolved', 'fetch.connected']);
  });
});

describe('a registry with basic authentication', () => {
  let registry: DockerRegistry;
  let folder: string;
  let image: PushedImage;
  const authorization = `Basic ${Buffer.from('alice:correct horse').toString('base64')}`;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'slipway-htpasswd-'));
    const file = path.join(folder, 'htpasswd');
    writeFileSync(file, execFileSync('htpasswd', ['-Bbn', 'alice', 'correct horse']));
    writeFileSync(path.join(folder, 'password'), 'correct horse\n');
    registry = await DockerRegistry.start({ auth: { htpasswd: { realm: 'test', path: file } } });
    image = await pushImage({ origin: `http://${registry.host}`, authorization }, 'private/app');
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it('lets the right credentials in', async () => {
    for (const secret of [{ password: 'correct horse' }, { password_file: path.join(folder, 'password') }]) {
      await using resolver = await openResolver({ auth: { [registry.host]: { username: 'alice', ...secret } } });
      expect((await resolver.resolve(`${registry.host}/private/app`)).descriptor).toEqual(image.manifest);
      await using content = await resolver.fetcher(`${registry.host}/private/app`).fetch(image.layer);
      expect(await readAll(content.body)).toEqual(image.layerBytes);
    }
  });

  it('names no password when the credentials are wrong, missing, or of another port', async () => {
    const configs = [
      { [registry.host]: { username: 'alice', password: 'wrong battery' } },
      { '127.0.0.1': { username: 'alice', password: 'correct horse' } },
      { [`127.0.0.1:${registry.port + 1}`]: { username: 'alice', password: 'correct horse' } },
      {},
    ];
    for (const auth of configs) {
      await using resolver = await openResolver({ auth });
      const error = await failureOf(resolver.resolve(`${registry.host}/private/app`));
      expect(error).toMatchObject({
        kind: 'permission-denied',
        code: 'REGISTRY_UNAUTHORIZED',
        hint: expect.stringContaining('username and password'),
      });
      expect(JSON.stringify(error)).not.toMatch(/battery|horse|YWxpY2/);
    }
  });
});

describe('a registry over TLS', () => {
  let authority: CertificateAuthority;
  let registry: DockerRegistry;
  let image: PushedImage;
  beforeAll(async () => {
    authority = new CertificateAuthority();
    registry = await DockerRegistry.start({ tls: authority.issue('server', 'IP:127.0.0.1,DNS:localhost') });
    image = await pushImage({ origin: `https://${registry.host}` }, 'app');
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    authority[Symbol.dispose]();
  });

  it('is trusted by its authority only', async () => {
    for (const hosts of [{ [registry.host]: { plain_http: false } }, {}]) {
      await using trusting = await openResolver({ ca: authority.file, hosts });
      expect((await trusting.resolve(`${registry.host}/app`)).descriptor).toEqual(image.manifest);
      await using content = await trusting.fetcher(`${registry.host}/app`).fetch(image.layer);
      expect(await readAll(content.body)).toEqual(image.layerBytes);
      await using strange = await openResolver({ hosts });
      expect(await failureOf(strange.resolve(`${registry.host}/app`))).toMatchObject({
        kind: 'failed-precondition',
        code: 'REGISTRY_TLS_UNKNOWN_AUTHORITY',
        hint: expect.stringContaining('"ca"'),
      });
    }
  });
});

describe('a registry with a token server', () => {
  let tokens: TokenServer;
  let registry: DockerRegistry;
  let image: PushedImage;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'slipway-tokens-'));
    tokens = await TokenServer.start({ alice: 'pass:word' }, { 'refresh-me': 'alice' });
    registry = await DockerRegistry.start({ auth: tokens.registryAuth });
    const authorization = `Bearer ${tokens.tokenFor(['repository:a/b:pull,push'])}`;
    image = await pushImage({ origin: `http://${registry.host}`, authorization }, 'a/b');
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await tokens[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it('gives one token for a repository, anonymously or with credentials', async () => {
    for (const auth of [{}, { [registry.host]: { username: 'alice', password: 'pass:word' } }]) {
      tokens.asked.length = 0;
      await using resolver = await openResolver({ auth });
      expect((await resolver.resolve(`${registry.host}/a/b`)).descriptor).toEqual(image.manifest);
      await using content = await resolver.fetcher(`${registry.host}/a/b`).fetch(image.layer, { offset: 10 });
      expect(await readAll(content.body)).toEqual(image.layerBytes.subarray(10));
      const who = Object.keys(auth).length > 0 ? 'alice' : 'anonymous';
      expect(tokens.asked).toEqual([`GET ${who} repository:a/b:pull`]);
    }
  });

  it('lets in who comes with an identity token, by OAuth2', async () => {
    const file = path.join(folder, 'config.json');
    writeFileSync(file, JSON.stringify({ auths: { [registry.host]: { identitytoken: 'refresh-me' } } }));
    tokens.asked.length = 0;
    await using resolver = await openResolver({ auth_file: file });
    expect((await resolver.resolve(`${registry.host}/a/b`)).descriptor).toEqual(image.manifest);
    expect(tokens.asked).toEqual(['POST alice repository:a/b:pull']);
  });

  it('says what it says when the password is wrong, and when a scope is not given', async () => {
    await using wrong = await openResolver({ auth: { [registry.host]: { username: 'alice', password: 'wrong horse' } } });
    const error = await failureOf(wrong.resolve(`${registry.host}/a/b`));
    expect(error).toMatchObject({ kind: 'permission-denied', code: 'REGISTRY_UNAUTHORIZED' });
    expect(error.message).toContain('no such user');
    expect(JSON.stringify(error)).not.toContain('wrong horse');
    tokens.asked.length = 0;
    await using stranger = await openResolver();
    expect(await failureOf(stranger.resolve(`${registry.host}/secret/app`))).toMatchObject({
      kind: 'permission-denied',
      code: 'REGISTRY_UNAUTHORIZED',
      hint: expect.stringContaining('slipway login'),
    });
    // HEAD and GET are not asked for anew, once is enough.
    expect(tokens.asked).toHaveLength(1);
  });
});
