import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { registryConfig } from '../dist/config.js';
import { hostsOf } from '../dist/host-folder/registry-hosts.js';
import { CertificateAuthority, pemOf } from './certificates.js';
import { DockerRegistry, freePort } from './docker-registry.js';
import { failureOf, openResolver, readAll } from './open-resolver.js';
import { type PushedImage, pushImage } from './push-image.js';
import { json, type Script, ScriptedServer } from './scripted-server.js';

let root: string;
let warned: string[];
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'slipway-certs-'));
  warned = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Writes a folder of a host in the place `place`. */
function write(host: string, files: Readonly<Record<string, string>>, place = 'a'): string {
  const folder = path.join(root, place, host);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return folder;
}

const places = () => [path.join(root, 'a'), path.join(root, 'b')];
const hosts = (registry: string, more: Readonly<Record<string, unknown>> = {}) =>
  hostsOf(registry, v.parse(registryConfig, { config_path: places(), ...more }), (message) => warned.push(message));
const open = (more: Readonly<Record<string, unknown>> = {}) =>
  openResolver({ config_path: places(), ...more }, (message) => warned.push(message));

describe('the folder of a host', () => {
  it('is that of exactly its host and port, in the first place that has one, and _default last', async () => {
    const of = async (registry: string) => (await hosts(registry))[0].origin.href;
    const toml = (name: string) => ({ 'hosts.toml': `[host."https://${name}.test"]` });
    expect(await of('r.test:5000')).toBe('https://r.test:5000/');
    write('_default', toml('default-b'), 'b');
    expect(await of('r.test:5000')).toBe('https://default-b.test/');
    write('_default', toml('default-a'));
    expect(await of('r.test:5000')).toBe('https://default-a.test/');
    write('r.test:5000', toml('colon-b'), 'b');
    expect(await of('r.test:5000')).toBe('https://colon-b.test/');
    write('r.test:5000', toml('colon-a'));
    expect(await of('r.test:5000')).toBe('https://colon-a.test/');
    write('r.test_5000_', toml('underscore-a'));
    expect(await of('r.test:5000')).toBe('https://underscore-a.test/');
    expect(await of('r.test')).toBe('https://default-a.test/');
  });

  it('has the hosts in its order, and the registry last', async () => {
    write('r.test', {
      'hosts.toml': `
        server = "https://upstream.test/base"
        [host."https://z.test"]
          capabilities = ["pull"]
        [host."http://a.test:5000/v2"]
          capabilities = ["pull", "resolve"]
          skip_verify = true
        [host."m.test/api"]
          override_path = true
          [host."m.test/api".header]
            x-one = "1"
            x-two = ["2", "3"]`,
    });
    const [z, a, m, server] = await hosts('r.test');
    expect(z).toMatchObject({ name: 'z.test', path: '/v2', namespace: 'r.test', capabilities: new Set(['pull']) });
    expect(a).toMatchObject({
      name: 'a.test:5000',
      path: '/v2',
      capabilities: new Set(['pull', 'resolve']),
      tls: { skipVerify: true },
    });
    expect(a?.origin.href).toBe('http://a.test:5000/');
    expect(m).toMatchObject({ name: 'm.test', path: '/api', headers: { 'x-one': '1', 'x-two': '2, 3' } });
    expect(m?.capabilities).toEqual(new Set(['pull', 'resolve', 'push']));
    expect(server).toMatchObject({ name: 'upstream.test', path: '/base/v2', namespace: 'r.test' });
    expect(warned).toEqual([]);
  });

  it('without a server means the registry itself, by whichever of its names', async () => {
    write('docker.io', { 'hosts.toml': 'server = "https://registry-1.docker.io"\n[host."https://m.test"]' });
    expect(await hosts('docker.io')).toMatchObject([
      { name: 'm.test', namespace: 'docker.io' },
      { name: 'docker.io', namespace: undefined },
    ]);
    write('r.test', { 'hosts.toml': 'ca = "ca.pem"', 'ca.pem': '' });
    expect(await hosts('r.test')).toMatchObject([{ name: 'r.test', tls: { ca: [path.join(root, 'a/r.test/ca.pem')] } }]);
  });

  it('names authorities and client certificates in all of their forms', async () => {
    const files = {
      'one.pem': 'BEGIN',
      'a.cert': '-----BEGIN CERTIFICATE-----',
      'a.key': 'KEY',
      'b.cert': '-----BEGIN CERTIFICATE-----',
    };
    const at = (name: string) => path.join(root, 'a/r.test', name);
    const a = { cert: at('a.cert'), key: at('a.key') };
    const forms: [string, unknown][] = [
      ['client = "one.pem"', [{ cert: at('one.pem'), key: undefined }]],
      ['client = ["a.cert", "a.key"]', [a]],
      ['client = ["a.cert", "b.cert"]', [{ cert: at('a.cert') }, { cert: at('b.cert') }]],
      ['client = [["a.cert", "a.key"], ["one.pem", ""]]', [a, { cert: at('one.pem') }]],
      [`client = [["${at('a.cert')}", "${at('a.key')}"]]`, [a]],
    ];
    for (const [line, client] of forms) {
      write('r.test', { ...files, 'hosts.toml': `ca = ["one.pem", "a.cert"]\n${line}` });
      const [server] = await hosts('r.test');
      expect(server.tls.client).toEqual(client);
      expect(server.tls.ca).toEqual([at('one.pem'), at('a.cert')]);
    }
  });

  it('in the form of docker has authorities and client certificates by their endings', async () => {
    const folder = write('r.test', { 'ca.crt': '', 'x.crt': '', 'c.cert': '', 'c.key': '', README: '' });
    const at = (name: string) => path.join(folder, name);
    expect(await hosts('r.test')).toMatchObject([
      { name: 'r.test', tls: { ca: [at('ca.crt'), at('x.crt')], client: [{ cert: at('c.cert'), key: at('c.key') }] } },
    ]);
    for (const [alone, missing] of [
      ['d.cert', 'd.key'],
      ['e.key', 'e.cert'],
    ] as const) {
      writeFileSync(at(alone), '');
      expect(await failureOf(hosts('r.test'))).toMatchObject({ message: expect.stringContaining(at(alone)) });
      writeFileSync(at(missing), '');
    }
  });

  it.each([
    ['server = 7', 'server: expected'],
    ['server = "ftp://r.test"', 'server: "ftp://r.test" is neither https nor http'],
    ['server = "https://u:sesame@r.test"', 'server: has a user name'],
    ['[host."https://r.test?x=1"]', 'has more than a scheme, a host and a path'],
    ['[host."https://"]', 'is no URL'],
    ['[host."https://m.test"]\ncapabilities = "pull"', 'host."https://m.test".capabilities: expected Array, found "pull"'],
    ['skip_verify = "yes"', 'skip_verify: expected boolean, found "yes"'],
    ['ca = "none.pem"', 'ca: there is no file'],
    ['ca = 7', 'ca: expected a string or a list of strings'],
    ['client = [["a", "b", 3]]', 'client: expected a path'],
    ['header = { "a b" = "sesame" }', 'header: "a b" is no name'],
    ['header = { authorization = "sesame\\r\\nx: y" }', 'header.authorization: has characters'],
    ['header = { authorization = 7 }', 'header.authorization: expected a string'],
    ['ca = "x\n[header]\nauthorization = "sesame"', 'line 1, column'],
    ['authorization = "sesame', 'line 1, column'],
  ])('that is wrong is told with file and key, and no secret: %s', async (text, message) => {
    write('r.test', { 'hosts.toml': text });
    const error = await failureOf(hosts('r.test'));
    expect(error).toMatchObject({ kind: 'invalid-argument', code: 'REGISTRY_HOSTS_FILE_INVALID' });
    expect(error.message).toContain(path.join(root, 'a/r.test/hosts.toml'));
    expect(error.message).toContain(message);
    expect(JSON.stringify(error)).not.toContain('sesame');
  });

  it('may say what is not known, which is told', async () => {
    write('r.test', {
      'hosts.toml': 'skip_verfy = true\ncapabilities = ["pull", "dance"]\n[host."https://m.test"]\ndial_timeout = "3s"',
    });
    await hosts('r.test');
    expect(warned.map((text) => text.replace(/^.*hosts.toml": /, ''))).toEqual([
      'skip_verfy is not known and ignored',
      'host."https://m.test".dial_timeout is not known and ignored',
      'capabilities: "dance" is not known and ignored',
    ]);
  });

  it('that others can change is not trusted', async () => {
    const folder = write('r.test', { 'hosts.toml': 'ca = "ca.pem"', 'ca.pem': '' });
    for (const entry of [path.join(folder, 'hosts.toml'), path.join(folder, 'ca.pem'), folder]) {
      chmodSync(entry, 0o777);
      expect(await failureOf(hosts('r.test'))).toMatchObject({ kind: 'permission-denied', code: 'UNTRUSTED_FILE' });
      chmodSync(entry, 0o755);
    }
    await hosts('r.test');
  });
});

describe('mirrors', () => {
  let registry: DockerRegistry;
  let image: PushedImage;
  beforeAll(async () => {
    registry = await DockerRegistry.start();
    image = await pushImage({ origin: `http://${registry.host}` }, 'team/app');
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const unauthorized: Script = (_request, response) =>
    json(response, 401, { errors: [{ code: 'UNAUTHORIZED', message: 'no' }] }, { 'www-authenticate': 'Basic realm="x"' });
  const missing: Script = (_request, response) => json(response, 404, { errors: [{ code: 'NAME_UNKNOWN', message: 'no' }] });

  function mirrored(name: string, ...mirrors: readonly string[]): void {
    write(name, { 'hosts.toml': mirrors.join('\n') });
  }

  it('are asked first, with ?ns=, under their own path and with their own headers', async () => {
    await using mirror = await ScriptedServer.start(missing);
    mirrored(registry.host, `[host."http://${mirror.host}/api"]\noverride_path = true\nheader = { x-key = "sesame" }`);
    await using resolver = await open();
    expect((await resolver.resolve(`${registry.host}/team/app`)).descriptor).toEqual(image.manifest);
    expect(mirror.lines()[0]).toBe(`HEAD /api/team/app/manifests/latest?ns=${encodeURIComponent(registry.host)}`);
    expect(mirror.log[0]?.headers['x-key']).toBe('sesame');
    await using content = await resolver.fetcher(`${registry.host}/team/app`).fetch(image.layer);
    expect(await readAll(content.body)).toEqual(image.layerBytes);
    expect(mirror.lines().at(-1)).toContain(`/api/team/app/blobs/${image.layer.digest}?ns=`);
    expect(warned).toEqual([]);
  });

  it('give what they have: the registry itself need not be there', async () => {
    const gone = `127.0.0.1:${await freePort()}`;
    mirrored(gone, `[host."http://${registry.host}"]`);
    await using resolver = await open();
    expect((await resolver.resolve(`${gone}/team/app`)).descriptor).toEqual(image.manifest);
    await using content = await resolver.fetcher(`${gone}/team/app`).fetch(image.layer);
    expect(await readAll(content.body)).toEqual(image.layerBytes);
    expect(await failureOf(resolver.resolve(`${gone}/team/none`))).toMatchObject({ code: 'REGISTRY_CONNECTION_REFUSED' });
  });

  it('that do not resolve are not asked for tags, and are for blobs', async () => {
    await using mirror = await ScriptedServer.start(missing);
    mirrored(registry.host, `[host."http://${mirror.host}"]\ncapabilities = ["pull"]`);
    await using resolver = await open();
    await resolver.resolve(`${registry.host}/team/app`);
    expect(mirror.log).toHaveLength(0);
    await using content = await resolver.fetcher(`${registry.host}/team/app`).fetch(image.layer);
    await readAll(content.body);
    expect(mirror.lines()).toHaveLength(1);
  });

  it('that cannot be reached or refuse are told once, and passed over for a while', async () => {
    const gone = `127.0.0.1:${await freePort()}`;
    await using closed = await ScriptedServer.start(unauthorized);
    mirrored(registry.host, `[host."http://${gone}"]\n[host."http://${closed.host}"]`);
    await using resolver = await open();
    for (let n = 0; n < 3; n += 1) await resolver.resolve(`${registry.host}/team/app`);
    expect(warned).toHaveLength(2);
    expect(warned[0]).toContain('the connection was refused; the next one is asked');
    expect(closed.log).toHaveLength(1);
  });

  it('that are overloaded get two attempts', async () => {
    await using mirror = await ScriptedServer.start((_request, response) => void response.writeHead(503).end());
    mirrored(registry.host, `[host."http://${mirror.host}"]`);
    await using resolver = await open();
    await resolver.resolve(`${registry.host}/team/app`);
    expect(mirror.log).toHaveLength(2);
    expect(warned[0]).toContain('answered 503');
  });

  it('are asked again after a login to them', async () => {
    let isOpen = false;
    await using mirror = await ScriptedServer.start((request, response, self) => {
      if (!isOpen || request.headers.authorization === undefined) void unauthorized(request, response, self);
      else if (request.url === '/v2/') response.end();
      else void missing(request, response, self);
    });
    mirrored(registry.host, `[host."http://${mirror.host}"]`);
    await using resolver = await open();
    await resolver.resolve(`${registry.host}/team/app`);
    isOpen = true;
    await resolver.login(mirror.host, { username: 'a', password: 'b' });
    mirror.log.length = 0;
    await resolver.resolve(`${registry.host}/team/app`);
    expect(mirror.log.some(({ headers }) => headers.authorization !== undefined)).toBe(true);
  });

  it('end with the signal, not with the next one', async () => {
    const controller = new AbortController();
    await using mirror = await ScriptedServer.start(() => controller.abort());
    mirrored(registry.host, `[host."http://${mirror.host}"]`);
    await using resolver = await open();
    expect(await failureOf(resolver.resolve(`${registry.host}/team/app`, { signal: controller.signal }))).toMatchObject({
      kind: 'canceled',
    });
  });

  it('never see the credentials and headers of the registry, nor it or a redirect theirs', async () => {
    await using storage = await ScriptedServer.start(missing);
    await using origin = await ScriptedServer.start(unauthorized);
    await using mirror = await ScriptedServer.start((request, response, self) => {
      if (request.headers.authorization === undefined) void unauthorized(request, response, self);
      else response.writeHead(307, { location: `http://${storage.host}/x` }).end();
    });
    mirrored(
      origin.host,
      'header = { x-origin = "origin-header" }',
      `[host."http://${mirror.host}"]\nheader = { x-mirror = "mirror-header" }`,
    );
    const auth = {
      [origin.host]: { username: 'origin', password: 'origin-password' },
      [mirror.host]: { username: 'mirror', password: 'mirror-password' },
    };
    await using resolver = await open({ auth });
    const error = await failureOf(resolver.resolve(`${origin.host}/team/app`));
    const seen = (server: ScriptedServer) =>
      server.log.map(({ headers }) => `${headers.authorization ?? ''} ${headers['x-origin'] ?? ''} ${headers['x-mirror'] ?? ''}`);
    const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;
    expect(new Set(seen(mirror))).toEqual(new Set(['  mirror-header', `${basic('mirror:mirror-password')}  mirror-header`]));
    expect(new Set(seen(origin))).toEqual(new Set([' origin-header ', `${basic('origin:origin-password')} origin-header `]));
    expect(new Set(seen(storage))).toEqual(new Set(['  ']));
    expect(JSON.stringify(error) + warned.join()).not.toMatch(/origin-|mirror-/);
  });
});

describe('TLS of a host', () => {
  let authority: CertificateAuthority;
  let strange: CertificateAuthority;
  beforeAll(() => {
    authority = new CertificateAuthority();
    strange = new CertificateAuthority();
  });
  afterAll(() => {
    authority[Symbol.dispose]();
    strange[Symbol.dispose]();
  });

  it('is trusted by what its folder says, in the form of docker too, and nobody else by it', async () => {
    const tls = authority.issue('registry', 'IP:127.0.0.1');
    await using registry = await DockerRegistry.start({ tls });
    await using other = await DockerRegistry.start({ tls });
    const image = await pushImage({ origin: `https://${registry.host}` }, 'app');
    await pushImage({ origin: `https://${other.host}` }, 'app');
    const ca = readFileSync(authority.file, 'utf8');
    for (const files of [
      { 'ca.crt': ca },
      { 'hosts.toml': 'ca = "my.pem"', 'my.pem': ca },
      { 'hosts.toml': 'skip_verify = true' },
    ]) {
      rmSync(path.join(root, 'a'), { recursive: true, force: true });
      write(registry.host, files as Record<string, string>);
      await using resolver = await open();
      expect((await resolver.resolve(`${registry.host}/app`)).descriptor).toEqual(image.manifest);
      expect(await failureOf(resolver.resolve(`${other.host}/app`))).toMatchObject({ code: 'REGISTRY_TLS_UNKNOWN_AUTHORITY' });
    }
  });

  it('shows the client certificate to its host alone', async () => {
    const seen: [string, unknown][] = [];
    const server = (name: string, script: Script) =>
      ScriptedServer.start(
        (request, response, self) => {
          const socket = request.socket as unknown as { getPeerCertificate(): { subject?: { CN?: string } } };
          seen.push([name, socket.getPeerCertificate().subject?.CN]);
          return script(request, response, self);
        },
        {
          tls: {
            ...pemOf(authority.issue(name, 'IP:127.0.0.1')),
            ca: readFileSync(authority.file),
            requestCert: true,
            rejectUnauthorized: false,
          },
        },
      );
    await using storage = await server('storage', (_request, response) => void response.writeHead(404).end());
    await using registry = await server(
      'registry',
      (_request, response) => void response.writeHead(307, { location: `https://${storage.host}/x` }).end(),
    );
    const client = authority.issue('client', 'DNS:client');
    const folder = write(registry.host, { 'hosts.toml': 'ca = "ca.pem"\nclient = [["c.cert", "c.key"]]' });
    copyFileSync(authority.file, path.join(folder, 'ca.pem'));
    copyFileSync(client.certificate, path.join(folder, 'c.cert'));
    copyFileSync(client.key, path.join(folder, 'c.key'));
    await using resolver = await open();
    expect(await failureOf(resolver.resolve(`${registry.host}/app`))).toMatchObject({ kind: 'not-found' });
    expect(new Set(seen.map(String))).toEqual(new Set(['registry,client', 'storage,']));
  });
});
