import { once } from 'node:events';
import { request as ask, createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor } from '@slipway/plugin-api';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { proxiesOf } from '../dist/proxy.js';
import { CertificateAuthority, pemOf } from './certificates.js';
import { failureOf, openResolver, readAll } from './open-resolver.js';
import { ScriptedServer } from './scripted-server.js';

const blobBytes = Buffer.from('0123456789'.repeat(1000));
const blob: Descriptor = { mediaType: mediaTypes.ociLayer, digest: digestOf(blobBytes), size: blobBytes.length };

/** A proxy that answers CONNECT and whole URLs, takes every name for this machine, and remembers what it was asked. */
class TestProxy implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly headers: Record<string, string | string[] | undefined>[] = [];
  /** What it answers to CONNECT instead of letting through. */
  refusal: number | undefined;
  private readonly sockets = new Set<Socket>();
  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(authorization?: string, tls?: { cert: Buffer; key: Buffer }): Promise<TestProxy> {
    const server = tls === undefined ? createServer() : createTlsServer(tls);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new TestProxy(server, (server.address() as AddressInfo).port);
    server.on('connection', (socket: Socket) => {
      proxy.sockets.add(socket);
      socket.on('error', () => undefined);
    });
    server.on('request', (incoming, answer) => {
      proxy.asked.push(`${incoming.method} ${incoming.url}`);
      proxy.headers.push(incoming.headers);
      if (authorization !== undefined && incoming.headers['proxy-authorization'] !== authorization)
        return void answer.writeHead(407, { 'proxy-authenticate': 'Basic' }).end();
      const { port, pathname } = new URL(incoming.url ?? '');
      const { 'proxy-authorization': _, ...headers } = incoming.headers;
      const passed = ask({ host: '127.0.0.1', port, path: pathname, method: incoming.method, headers }, (found) => {
        answer.writeHead(found.statusCode ?? 502, found.headers);
        found.pipe(answer);
      });
      passed.on('error', () => answer.destroy());
      passed.end();
    });
    server.on('connect', (incoming, socket: Socket) => {
      proxy.asked.push(`CONNECT ${incoming.url}`);
      proxy.headers.push(incoming.headers);
      socket.on('error', () => undefined);
      if (authorization !== undefined && incoming.headers['proxy-authorization'] !== authorization)
        return void socket.end('HTTP/1.1 407 Who are you\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n');
      if (proxy.refusal !== undefined) return void socket.end(`HTTP/1.1 ${proxy.refusal} No\r\ncontent-length: 0\r\n\r\n`);
      const onward = connect(Number(incoming.url?.split(':').at(-1)), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      proxy.sockets.add(onward);
      onward.on('error', () => socket.destroy());
      socket.on('close', () => onward.destroy());
    });
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

const variables = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
const setEnvironment = (values: Readonly<Record<string, string>>): void => {
  for (const name of variables) vi.stubEnv(name, values[name]);
};

describe('through a proxy', () => {
  let authority: CertificateAuthority;
  let tls: ReturnType<typeof pemOf>;
  beforeAll(() => {
    authority = new CertificateAuthority();
    tls = pemOf(authority.issue('registry', 'DNS:registry.test,IP:127.0.0.1'));
  });
  afterAll(() => authority[Symbol.dispose]());
  afterEach(() => vi.unstubAllEnvs());

  const fetchFrom = async (registry: string, config: object = {}): Promise<Buffer> => {
    await using resolver = await openResolver({ ca: authority.file, ...config });
    await using content = await resolver.fetcher(`${registry}/a`).fetch(blob);
    return await readAll(content.body);
  };

  it('a registry is reached by CONNECT, its certificate is checked, and the proxy sees nothing', async () => {
    await using server = await ScriptedServer.start((_request, response) => void response.end(blobBytes), { tls });
    await using proxy = await TestProxy.start();
    setEnvironment({ HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` });
    expect(await fetchFrom(`registry.test:${server.port}`)).toEqual(blobBytes);
    expect(proxy.asked).toEqual([`CONNECT registry.test:${server.port}`]);
    expect(proxy.headers[0]).not.toHaveProperty('authorization');
    expect(await failureOf(fetchFrom(`other.test:${server.port}`))).toMatchObject({ code: 'REGISTRY_TLS_WRONG_HOST' });
  });

  it('that speaks TLS itself, with a user name', async () => {
    await using server = await ScriptedServer.start((_request, response) => void response.end(blobBytes), { tls });
    const authorization = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
    await using proxy = await TestProxy.start(authorization, tls);
    setEnvironment({ https_proxy: `https://me:p%40ss@127.0.0.1:${proxy.port}/` });
    expect(await fetchFrom(`registry.test:${server.port}`)).toEqual(blobBytes);
  });

  it('a registry that speaks plain http is asked for by its whole URL', async () => {
    await using server = await ScriptedServer.start((_request, response) => void response.end(blobBytes));
    await using proxy = await TestProxy.start(`Basic ${Buffer.from('me:secret').toString('base64')}`);
    const registry = `registry.test:${server.port}`;
    const config = { hosts: { [registry]: { plain_http: true } } };
    setEnvironment({ HTTP_PROXY: `me:secret@127.0.0.1:${proxy.port}` });
    expect(await fetchFrom(registry, config)).toEqual(blobBytes);
    expect(proxy.asked).toEqual([`GET http://${registry}/v2/a/blobs/${blob.digest}`]);
    expect(server.log[0]?.headers).toMatchObject({ host: registry });
    expect(server.log[0]?.headers).not.toHaveProperty('proxy-authorization');
    setEnvironment({ HTTP_PROXY: `me:wrong-secret@127.0.0.1:${proxy.port}` });
    const error = await failureOf(fetchFrom(registry, config));
    expect(error).toMatchObject({ kind: 'permission-denied', code: 'REGISTRY_PROXY_UNAUTHORIZED' });
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  it('that refuses is named, without its password', async () => {
    await using proxy = await TestProxy.start('Basic other');
    setEnvironment({ HTTPS_PROXY: `http://me:hunter22@127.0.0.1:${proxy.port}` });
    const denied = await failureOf(fetchFrom('registry.test'));
    expect(denied).toMatchObject({ kind: 'permission-denied', code: 'REGISTRY_PROXY_UNAUTHORIZED' });
    expect(`${denied.message} ${denied.hint} ${JSON.stringify(denied)}`).not.toMatch(/hunter22|aHVudGVy/);
    await using strict = await TestProxy.start();
    strict.refusal = 403;
    setEnvironment({ HTTPS_PROXY: `http://127.0.0.1:${strict.port}` });
    expect(await failureOf(fetchFrom('registry.test'))).toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_PROXY_REFUSED',
      message: expect.stringContaining(`127.0.0.1:${strict.port}`),
    });
    expect(strict.asked).toEqual(['CONNECT registry.test:443']);
  });

  it('that is not there is named', async () => {
    const proxy = await TestProxy.start();
    await proxy[Symbol.asyncDispose]();
    setEnvironment({ HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` });
    const error = await failureOf(fetchFrom('registry.test'));
    expect(error).toMatchObject({ code: 'REGISTRY_CONNECTION_REFUSED', message: expect.stringContaining('through the proxy') });
  });

  it.each(['socks5://127.0.0.1:1080', 'http://', 'http://a b', 'http://user:50%@127.0.0.1'])(
    '%s is none that can be used',
    async (value) => {
      setEnvironment({ HTTPS_PROXY: value });
      expect(await failureOf(fetchFrom('registry.test'))).toMatchObject({
        kind: 'invalid-argument',
        code: 'REGISTRY_PROXY_INVALID',
      });
    },
  );

  it('loopback is not asked for', async () => {
    await using server = await ScriptedServer.start((_request, response) => void response.end(blobBytes), { tls });
    await using proxy = await TestProxy.start();
    setEnvironment({ HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, HTTP_PROXY: `http://127.0.0.1:${proxy.port}` });
    expect(await fetchFrom(server.host)).toEqual(blobBytes);
    expect(proxy.asked).toEqual([]);
  });

  it.each(['169.254.169.254', '10.0.0.1', '[fd00::1]', '[::ffff:10.0.0.1]', '2130706433', 'localhost.', 'a.localhost'])(
    'a redirect to %s is refused, though the proxy would follow it',
    async (address) => {
      await using server = await ScriptedServer.start(
        (_request, response) => void response.writeHead(307, { location: `https://${address}/latest/meta-data` }).end(),
        { tls },
      );
      await using proxy = await TestProxy.start();
      setEnvironment({ HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` });
      expect(await failureOf(fetchFrom(`registry.test:${server.port}`))).toMatchObject({ code: 'REGISTRY_ADDRESS_REFUSED' });
      expect(proxy.asked).toEqual([`CONNECT registry.test:${server.port}`]);
    },
  );

  it('the address of the proxy is not that of the registry', async () => {
    await using other = await ScriptedServer.start((_request, response) => void response.end(blobBytes), { tls });
    await using server = await ScriptedServer.start(
      (_request, response) => void response.writeHead(307, { location: `https://${other.host}/` }).end(),
      { tls },
    );
    await using proxy = await TestProxy.start();
    setEnvironment({ HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` });
    expect(await failureOf(fetchFrom(`registry.test:${server.port}`))).toMatchObject({ code: 'REGISTRY_ADDRESS_REFUSED' });
    expect(other.log).toEqual([]);
  });
});

describe('NO_PROXY', () => {
  const cases: [string, string, boolean][] = [
    ['', 'https://example.com/', true],
    ['*', 'https://example.com/', false],
    ['example.com', 'https://example.com/', false],
    ['EXAMPLE.com', 'https://example.com/', false],
    ['example.com', 'https://a.example.com/', false],
    ['example.com', 'https://anexample.com/', true],
    ['.example.com', 'https://example.com/', true],
    ['.example.com', 'https://a.example.com/', false],
    ['*.example.com', 'https://a.b.example.com/', false],
    ['*.example.com', 'https://example.com/', true],
    ['example.com:443', 'https://example.com/', false],
    ['example.com:5000', 'https://example.com/', true],
    ['example.com:5000', 'https://example.com:5000/', false],
    [' other.com , example.com ', 'https://example.com/', false],
    ['10.0.0.0/8', 'https://10.1.2.3/', false],
    ['10.0.0.0/8', 'https://11.1.2.3/', true],
    ['10.0.0.0/8', 'https://example.com/', true],
    ['10.1.2.3', 'https://10.1.2.3:5000/', false],
    ['10.1.2.3:5000', 'https://10.1.2.3:5000/', false],
    ['10.1.2.3:5000', 'https://10.1.2.3/', true],
    ['fd00::/8', 'https://[fd00::1]/', false],
    ['fd00::1', 'https://[fd00::1]:5000/', false],
    ['[fd00::1]:5000', 'https://[fd00::1]:5000/', false],
    ['[fd00::1]:5000', 'https://[fd00::1]/', true],
    ['10.0.0.0/99', 'https://10.0.0.1/', true],
    ['', 'https://localhost/', false],
    ['', 'https://127.1.2.3/', false],
    ['', 'https://[::1]/', false],
  ];
  it.each(cases)('"%s": %s through the proxy: %s', (noProxy, url, isProxied) => {
    for (const name of ['NO_PROXY', 'no_proxy']) {
      const proxy = proxiesOf({ HTTPS_PROXY: 'http://proxy:3128', [name]: noProxy })(new URL(url));
      expect(proxy !== undefined).toBe(isProxied);
    }
  });

  it('each scheme has its own proxy', () => {
    const proxyFor = proxiesOf({ http_proxy: 'http://u:p%3A@a:1', HTTPS_PROXY: 'b' });
    expect(proxyFor(new URL('http://x/'))).toMatchObject({ authorization: `Basic ${Buffer.from('u:p:').toString('base64')}` });
    expect(proxyFor(new URL('http://x/'))?.url.href).toBe('http://a:1/');
    expect(proxyFor(new URL('https://x/'))?.url.href).toBe('http://b/');
    expect(proxiesOf({ HTTP_PROXY: 'http://a:1' })(new URL('https://x/'))).toBeUndefined();
  });
});
