import dns, { type LookupAddress } from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { digestOf } from '@slipway/oci';
import { afterEach, describe, expect, it } from 'vitest';
import { MemorySource, openPushing } from './memory-source.js';
import { failureOf, openResolver, readAll } from './open-resolver.js';
import { blob, blobBytes } from './scripted-content.js';
import { ScriptedServer } from './scripted-server.js';

const realLookup = dns.lookup;

/** From now on names ending in `.test` have these addresses, the next at each look-up. Says which were looked up. */
function resolveTo(...answers: readonly LookupAddress[][]): string[] {
  const asked: string[] = [];
  const lookup = (name: string, options: object, done: (error: Error | null, ...rest: unknown[]) => void): void => {
    if (!name.endsWith('.test')) return void (realLookup as (...args: unknown[]) => void)(name, options, done);
    const found = answers[Math.min(asked.length, answers.length - 1)] ?? [];
    asked.push(name);
    const [first] = found;
    process.nextTick(() =>
      'all' in options && options.all === true ? done(null, found) : done(null, first?.address, first?.family),
    );
  };
  dns.lookup = lookup as typeof dns.lookup;
  syncBuiltinESMExports();
  return asked;
}

const v4 = (address: string): LookupAddress => ({ address, family: 4 });

describe('a name that a registry sends us to', () => {
  afterEach(() => {
    dns.lookup = realLookup;
    syncBuiltinESMExports();
  });

  const leadingTo = (host: string, port: number): Promise<ScriptedServer> =>
    ScriptedServer.start((_request, response) => void response.writeHead(307, { location: `http://${host}:${port}/` }).end());

  /** Plain http is allowed to the name, its address is not. */
  const fetchVia = async (server: ScriptedServer, host: string): Promise<Buffer> => {
    await using resolver = await openResolver({ hosts: { [host]: { plain_http: true } } });
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(blob);
    return await readAll(content.body);
  };

  it.each([
    ['loopback', [v4('127.0.0.2')]],
    ['link-local', [v4('169.254.169.254')]],
    ['private', [v4('10.0.0.1'), { address: 'fd00::1', family: 6 }]],
    ['mapped', [{ address: '::ffff:127.0.0.2', family: 6 }]],
  ])('is not connected to where its addresses are %s', async (_name, addresses) => {
    await using other = await ScriptedServer.start((_request, response) => void response.end(blobBytes), { host: '127.0.0.2' });
    await using server = await leadingTo('inside.test', other.port);
    resolveTo(addresses);
    expect(await failureOf(fetchVia(server, `inside.test:${other.port}`))).toMatchObject({ code: 'REGISTRY_ADDRESS_REFUSED' });
    expect(other.log).toEqual([]);
  });

  it('is looked up once: the address that was looked at is the one connected to', async () => {
    await using inside = await ScriptedServer.start((_request, response) => void response.end('inside'), { host: '127.0.0.2' });
    await using allowed = await ScriptedServer.start((_request, response) => void response.end(blobBytes));
    await using server = await leadingTo('rebinding.test', allowed.port);
    // The registry's own address first, which is allowed; from then on another.
    const asked = resolveTo([v4('127.0.0.1')], [v4('127.0.0.2')]);
    expect(await fetchVia(server, `rebinding.test:${allowed.port}`)).toEqual(blobBytes);
    expect(asked).toEqual(['rebinding.test']);
    expect(inside.log).toEqual([]);
  });

  it('is looked at again for each connection', async () => {
    await using other = await ScriptedServer.start(
      (_request, response) => void response.writeHead(200, { connection: 'close' }).end(blobBytes),
    );
    await using server = await leadingTo('rebinding.test', other.port);
    resolveTo([v4('127.0.0.1')], [v4('127.0.0.2')]);
    await using resolver = await openResolver({ hosts: { [`rebinding.test:${other.port}`]: { plain_http: true } } });
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(blob);
    expect(await readAll(content.body)).toEqual(blobBytes);
    expect(await failureOf(resolver.fetcher(`${server.host}/a`).fetch(blob))).toMatchObject({ code: 'REGISTRY_ADDRESS_REFUSED' });
  });

  it('has the addresses that are allowed tried, and no others', async () => {
    await using other = await ScriptedServer.start((_request, response) => void response.end(blobBytes));
    await using server = await leadingTo('mixed.test', other.port);
    resolveTo([v4('10.0.0.1'), v4('127.0.0.1'), v4('169.254.169.254')]);
    expect(await fetchVia(server, `mixed.test:${other.port}`)).toEqual(blobBytes);
  });
});

describe('an upload location', () => {
  it.each([
    ['on link-local', () => 'https://169.254.169.254/upload', 'REGISTRY_ADDRESS_REFUSED'],
    ['on another loopback address', (port: number) => `http://127.0.0.2:${port}/upload`, 'REGISTRY_ADDRESS_REFUSED'],
    ['on a private address', () => 'https://10.0.0.1/upload', 'REGISTRY_ADDRESS_REFUSED'],
    ['in plain http elsewhere', () => 'http://198.51.100.1/upload', 'REGISTRY_REDIRECT_REFUSED'],
    ['with a user name', () => 'https://user:hunter22@example.com/', 'REGISTRY_REDIRECT_REFUSED'],
  ])('%s gets no bytes and no credentials', async (_name, location, code) => {
    await using other = await ScriptedServer.start((_request, response) => void response.writeHead(201).end(), {
      host: '127.0.0.2',
    });
    await using server = await ScriptedServer.start((request, response) => {
      if (request.method === 'POST') response.writeHead(202, { location: location(other.port) }).end();
      else response.writeHead(404).end();
    });
    const source = new MemorySource();
    const layer = source.add('application/octet-stream', Buffer.from('layer'));
    await using resolver = await openPushing({ auth: { [server.host]: { username: 'alice', password: 'open sesame' } } });
    await using pusher = resolver.pusher(`${server.host}/a:1`);
    const error = await failureOf(pusher.push(layer, source));
    expect(error).toMatchObject({ kind: 'failed-precondition', code });
    expect(JSON.stringify(error)).not.toContain('hunter22');
    expect(other.log).toEqual([]);
  });

  it('on another origin that may be gone to gets no credentials', async () => {
    await using other = await ScriptedServer.start((request, response) => {
      request.resume();
      request.once('end', () => response.writeHead(201, { 'docker-content-digest': digestOf('layer') }).end());
    });
    await using server = await ScriptedServer.start((request, response) => {
      if (request.headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else if (request.method === 'POST') response.writeHead(202, { location: `http://${other.host}/upload` }).end();
      else response.writeHead(404).end();
    });
    const source = new MemorySource();
    const layer = source.add('application/octet-stream', Buffer.from('layer'));
    await using resolver = await openPushing({ auth: { [server.host]: { username: 'alice', password: 'open sesame' } } });
    await using pusher = resolver.pusher(`${server.host}/a:1`);
    expect(await pusher.push(layer, source)).toBe('pushed');
    expect(other.log.length).toBeGreaterThan(0);
    expect(other.log.map(({ headers }) => headers.authorization).filter((header) => header !== undefined)).toEqual([]);
  });
});
