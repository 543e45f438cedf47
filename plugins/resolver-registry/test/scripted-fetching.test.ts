import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import type { Descriptor } from '@slipway/plugin-api';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { registryConfig } from '../dist/config.js';
import { Transport } from '../dist/transport.js';
import { trustOf } from '../dist/trust.js';
import { freePort } from './docker-registry.js';
import { failureOf, openResolver, readAll } from './open-resolver.js';
import { blob, blobBytes, isBlob } from './scripted-content.js';
import { ScriptedServer } from './scripted-server.js';

describe('fetching', () => {
  const fetchFrom = async (
    script: (request: IncomingMessage, response: ServerResponse) => void,
    offset: number,
    settings: object = {},
  ): Promise<{ offset: number; bytes: Buffer }> => {
    await using server = await ScriptedServer.start(script);
    await using resolver = await openResolver({ ...settings });
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(blob, { offset });
    return { offset: content.offset, bytes: await readAll(content.body) };
  };

  it('starts at 0 where Range is ignored, refused, or answered wrongly', async () => {
    const wrong = ['bytes 0-9999/10000', 'bytes 5001-9999/10000', 'bytes 5000-8000/10000', 'bytes 5000-9999/20000', 'junk', ''];
    const scripts: ((request: IncomingMessage, response: ServerResponse) => void)[] = [
      (_request, response) => response.end(blobBytes),
      (request, response) => (request.headers.range === undefined ? response.end(blobBytes) : response.writeHead(416).end()),
      ...wrong.map((range) => (request: IncomingMessage, response: ServerResponse) => {
        if (request.headers.range === undefined) response.end(blobBytes);
        else response.writeHead(206, range === '' ? {} : { 'content-range': range }).end(blobBytes.subarray(5000));
      }),
    ];
    for (const script of scripts) expect(await fetchFrom(script, 5000)).toEqual({ offset: 0, bytes: blobBytes });
  });

  it('refuses a partial answer nobody asked for, and codings', async () => {
    await expect(
      fetchFrom((_request, response) => response.writeHead(206, { 'content-range': 'bytes 5-9999/10000' }).end('x'), 0),
    ).rejects.toMatchObject({
      code: 'REGISTRY_ANSWER_UNEXPECTED',
    });
    await expect(
      fetchFrom((_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'), 0),
    ).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'REGISTRY_SIZE_MISMATCH',
    });
  });

  it('stops a body that is too long and refuses a Content-Length that lies', async () => {
    const endless = (_request: IncomingMessage, response: ServerResponse): void => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(blobBytes));
      };
      response.on('drain', more);
      more();
    };
    await expect(fetchFrom(endless, 0)).rejects.toMatchObject({ kind: 'failed-precondition', code: 'REGISTRY_SIZE_MISMATCH' });
    await expect(
      fetchFrom((_request, response) => response.writeHead(200, { 'content-length': '5' }).end('12345'), 0),
    ).rejects.toMatchObject({
      code: 'REGISTRY_SIZE_MISMATCH',
    });
  });

  it('reports a body that breaks off or ends early as unavailable', async () => {
    const scripts: ((request: IncomingMessage, response: ServerResponse) => void)[] = [
      (request, response) => {
        response.writeHead(200, { 'content-length': String(blob.size) });
        response.write(blobBytes.subarray(0, 4000), () => setTimeout(() => request.socket.resetAndDestroy(), 50));
      },
      (_request, response) => {
        response.writeHead(200);
        response.end(blobBytes.subarray(0, 4000));
      },
    ];
    for (const script of scripts) {
      await using server = await ScriptedServer.start(script);
      await using resolver = await openResolver();
      await using content = await resolver.fetcher(`${server.host}/a`).fetch(blob);
      let received = 0;
      const error = await failureOf(
        (async () => {
          for await (const chunk of content.body) received += chunk.byteLength;
        })(),
      );
      expect(error).toMatchObject({ kind: 'unavailable', code: 'REGISTRY_CONNECTION_RESET' });
      expect(received).toBe(4000);
    }
  });

  it('gives a stalled body up after the idle timeout', async () => {
    const stall = (_request: IncomingMessage, response: ServerResponse): void => {
      response.writeHead(200, { 'content-length': String(blob.size) });
      response.write(blobBytes.subarray(0, 100));
    };
    await expect(fetchFrom(stall, 0, { idle_timeout: 0.3 })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_TIMEOUT',
    });
  });

  it('gives up a server that sends informational answers for ever, which was waited for without an end', async () => {
    await using server = await ScriptedServer.start((_request, response) => {
      const hints = setInterval(() => response.writeEarlyHints({ link: '</a>; rel=preload' }), 50);
      response.once('close', () => clearInterval(hints));
    });
    await using transport = new Transport(v.parse(registryConfig, { idle_timeout: 0.2 }), 'test', trustOf(undefined));
    const url = new URL(`http://${server.host}/`);
    await expect(transport.send({ method: 'GET', url, headers: {}, own: true })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_TIMEOUT',
    });
  }, 60_000);

  it('ends at once when aborted, before the answer and in the body', async () => {
    await using server = await ScriptedServer.start((request, response) => {
      if (!isBlob(request)) return;
      response.writeHead(200, { 'content-length': String(blob.size) });
      response.write(blobBytes.subarray(0, 100));
    });
    await using resolver = await openResolver({ idle_timeout: 3600 });
    await expect(resolver.resolve(`${server.host}/a`, { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      kind: 'canceled',
    });
    const abort = new AbortController();
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(blob, { signal: abort.signal });
    setTimeout(() => abort.abort(), 100);
    await expect(readAll(content.body)).rejects.toMatchObject({ kind: 'canceled' });
    await expect(resolver.resolve(`${server.host}/a`, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      kind: 'canceled',
    });
  });

  it('does not read ahead of a slow reader', async () => {
    const large: Descriptor = { ...blob, size: 64 * 1024 * 1024 };
    let sent = 0;
    await using server = await ScriptedServer.start((_request, response) => {
      response.writeHead(200, { 'content-length': String(large.size) });
      const more = (): void => {
        while (sent < large.size) {
          sent += 65_536;
          if (!response.write(Buffer.alloc(65_536))) return;
        }
        response.end();
      };
      response.on('drain', more);
      more();
    });
    await using resolver = await openResolver();
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(large);
    const iterator = content.body[Symbol.asyncIterator]();
    await iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    await iterator.return?.();
  });

  it('ends what is under way when the resolver is disposed', async () => {
    await using server = await ScriptedServer.start(() => undefined);
    const resolver = await openResolver({ idle_timeout: 3600 });
    const pending = failureOf(resolver.resolve(`${server.host}/a`));
    while (server.log.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await resolver[Symbol.asyncDispose]();
    expect(await pending).toMatchObject({ kind: 'canceled', code: 'RESOLVER_CLOSED' });
    await expect(resolver.resolve(`${server.host}/a`)).rejects.toMatchObject({ kind: 'canceled', code: 'RESOLVER_CLOSED' });
  });
});

describe('connecting', () => {
  it.each(['127.0.0.1', 'localhost', '[::1]'])('says that %s refused the connection', async (host) => {
    await using resolver = await openResolver();
    const error = await failureOf(resolver.resolve(`${host}:${await freePort()}/a`));
    expect(error).toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_CONNECTION_REFUSED',
      hint: expect.stringContaining('running'),
    });
  });

  it('says so when the other side does not speak HTTP', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      await using resolver = await openResolver();
      await expect(resolver.resolve(`127.0.0.1:${port}/a`)).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'REGISTRY_NOT_HTTP',
      });
    } finally {
      server.close();
    }
  });
});
