import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor } from '@slipway/plugin-api';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { registryConfig } from '../dist/config.js';
import { fetchContent } from '../dist/content-fetch.js';
import { type RangeTuning, rangeTuning } from '../dist/ranged-body.js';
import { plainHost } from '../dist/registry-host.js';
import { RegistrySession } from '../dist/registry-session.js';
import { trustOf } from '../dist/trust.js';
import { Warnings } from '../dist/warnings.js';
import { failureOf, readAll } from './open-resolver.js';
import { ScriptedServer } from './scripted-server.js';

const MiB = 1024 * 1024;
const bytes = randomBytes(6 * MiB);
const layer: Descriptor = { mediaType: mediaTypes.ociLayer, digest: digestOf(bytes), size: bytes.length };

/** More connections are made wherever that can be: when they pay is another question, and a machine that runs tests has no steady answer. */
const always: RangeTuning = {
  ...rangeTuning,
  worthSplitting: 3 * MiB,
  judgedBytes: MiB / 4,
  judgedTime: Number.POSITIVE_INFINITY,
  leastTime: 0,
  fastEnough: Number.POSITIVE_INFINITY,
  waiting: 0,
  settledGrowth: Number.POSITIVE_INFINITY,
  unhurt: 0,
  minPiece: MiB / 2,
  maxPiece: MiB / 2,
};

/** The server as a registry of its own, with no credentials. */
function sessionOf(server: ScriptedServer, settings: object = {}): RegistrySession {
  const config = v.parse(registryConfig, { idle_timeout: 5, ...settings });
  const host = plainHost(server.host, config);
  const warnings = new Warnings(() => undefined);
  return new RegistrySession(host, {
    config,
    userAgent: 'test',
    tlsFor: trustOf(undefined),
    warnings,
    find: async () => undefined,
  });
}

interface Range {
  readonly first: number;
  readonly last: number;
  readonly isWhole: boolean;
}

function rangeOf(request: IncomingMessage): Range {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const end = last === undefined || last === '' ? bytes.length - 1 : Number(last);
  return { first: Number(first ?? 0), last: end, isWhole: first === undefined };
}

/** Sends a range as asked for, not too fast. */
async function slowly(response: ServerResponse, { first, last, isWhole }: Range): Promise<void> {
  response.writeHead(isWhole ? 200 : 206, {
    'content-length': String(last - first + 1),
    ...(isWhole ? {} : { 'content-range': `bytes ${first}-${last}/${bytes.length}` }),
  });
  for (let at = first; at <= last && !response.destroyed; at += MiB / 16) {
    response.write(bytes.subarray(at, Math.min(at + MiB / 16, last + 1)));
    await sleep(5);
  }
  response.end();
}

const isPiece = (request: IncomingMessage): boolean => /^bytes=\d+-\d+$/.test(request.headers.range ?? '');

/** Fetches the layer from a server whose answers to pieces are these; the others are right and slow. */
async function fetched(
  answerPiece: (request: IncomingMessage, response: ServerResponse, nth: number) => void | Promise<void>,
  options: { readonly offset?: number; readonly config?: object; readonly tuning?: RangeTuning } = {},
): Promise<{ bytes: Buffer; pieces: string[]; wholes: number; failure?: { code: string }; offset: number }> {
  const pieces: string[] = [];
  let wholes = 0;
  await using server = await ScriptedServer.start((request, response) => {
    if (!isPiece(request)) wholes += 1;
    else pieces.push(request.headers.range ?? '');
    return isPiece(request) ? answerPiece(request, response, pieces.length) : slowly(response, rangeOf(request));
  });
  await using session = sessionOf(server, options.config);
  const { offset = 0, tuning = always } = options;
  await using content = await fetchContent(session, 'a', layer, offset, undefined, tuning);
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of content.body) chunks.push(chunk);
  } catch (error) {
    return { bytes: Buffer.concat(chunks), pieces, wholes, failure: error as { code: string }, offset: content.offset };
  }
  return { bytes: Buffer.concat(chunks), pieces, wholes, offset: content.offset };
}

const rightly = (request: IncomingMessage, response: ServerResponse): Promise<void> => slowly(response, rangeOf(request));

describe('a large layer over a slow network', { timeout: 60_000 }, () => {
  it('comes in pieces over several connections, in order', async () => {
    let [open, most] = [0, 0];
    const { bytes: found, pieces } = await fetched(async (request, response) => {
      open += 1;
      most = Math.max(most, open);
      await rightly(request, response);
      open -= 1;
    });
    expect(found.equals(bytes)).toBe(true);
    expect(pieces.length).toBeGreaterThan(2);
    expect(most).toBeGreaterThan(1);
    // The server learns of the end of an answer later than who reads it.
    expect(most).toBeLessThanOrEqual(8);
  });

  it('has its connections used again, which were made anew for each piece', async () => {
    const sockets = new Set<unknown>();
    const { pieces } = await fetched((request, response) => {
      sockets.add(request.socket);
      return rightly(request, response);
    });
    expect(pieces.length).toBeGreaterThan(8);
    expect(sockets.size).toBeLessThanOrEqual(5);
  });

  it('comes in pieces from an offset on', async () => {
    const { bytes: found, pieces, offset } = await fetched(rightly, { offset: 1_000_001 });
    expect(offset).toBe(1_000_001);
    expect(found.equals(bytes.subarray(offset))).toBe(true);
    expect(pieces.length).toBeGreaterThan(1);
  });

  it.each([0, 1])('comes over one connection where %d are configured', async (connections_per_layer) => {
    const { bytes: found, pieces } = await fetched(rightly, { config: { connections_per_layer } });
    expect(found.equals(bytes)).toBe(true);
    expect(pieces).toEqual([]);
  });

  it('comes over one connection where the registry may have no more', async () => {
    const { pieces } = await fetched(rightly, { config: { connections_per_registry: 0 } });
    expect(pieces).toEqual([]);
  });

  it.each<[string, Partial<RangeTuning>]>([
    ['is too small', { worthSplitting: 7 * MiB }],
    ['is fast enough', { fastEnough: 0 }],
    ['is waited with by who reads', { waiting: 2 }],
    ['still grows faster', { settledGrowth: 0 }],
  ])('comes over one connection where it %s', async (_name, tuning) => {
    const { bytes: found, pieces } = await fetched(rightly, { tuning: { ...always, ...tuning } });
    expect(found.equals(bytes)).toBe(true);
    expect(pieces).toEqual([]);
  });

  it('goes on over the first connection where a second one only takes from it', async () => {
    const { bytes: found, pieces, wholes } = await fetched(rightly, { tuning: { ...always, unhurt: Number.POSITIVE_INFINITY } });
    expect(found.equals(bytes)).toBe(true);
    expect(pieces).toHaveLength(1);
    expect(wholes).toBe(1);
  });

  const answer = (response: ServerResponse, status: number, range: string | undefined, body: Buffer): void => {
    response.writeHead(status, { ...(range === undefined ? {} : { 'content-range': range }) }).end(body);
  };
  const wrong: [string, (request: IncomingMessage, response: ServerResponse) => void][] = [
    ['ignored', (_request, response) => answer(response, 200, undefined, bytes)],
    ['refused', (_request, response) => void response.writeHead(416).end()],
    ['forbidden', (_request, response) => void response.writeHead(403).end()],
    ['too many', (_request, response) => void response.writeHead(429).end()],
    ['reset', (request) => void request.socket.destroy()],
    ['never answered', () => undefined],
    ['answered without saying what', (_request, response) => answer(response, 206, undefined, bytes.subarray(0, MiB))],
    [
      'answered with those before them',
      (request, response) => {
        const { first, last } = rangeOf(request);
        answer(response, 206, `bytes ${first - 1}-${last - 1}/${bytes.length}`, bytes.subarray(first - 1, last));
      },
    ],
    [
      'answered with fewer',
      (request, response) => {
        const { first, last } = rangeOf(request);
        answer(response, 206, `bytes ${first}-${last - 1}/${bytes.length}`, bytes.subarray(first, last));
      },
    ],
    [
      'of something of another size',
      (request, response) => {
        const { first, last } = rangeOf(request);
        answer(response, 206, `bytes ${first}-${last}/${bytes.length + 1}`, bytes.subarray(first, last + 1));
      },
    ],
    [
      'answered with a coding',
      (request, response) => {
        const { first, last } = rangeOf(request);
        response.setHeader('content-encoding', 'gzip');
        answer(response, 206, `bytes ${first}-${last}/${bytes.length}`, bytes.subarray(first, last + 1));
      },
    ],
  ];
  it.each(wrong)('comes whole over the first connection where ranges are %s', async (_name, script) => {
    const { bytes: found, pieces, wholes, failure } = await fetched(script);
    expect(failure).toBeUndefined();
    expect(found.equals(bytes)).toBe(true);
    expect(wholes).toBe(1);
    expect(pieces.length).toBeLessThanOrEqual(5);
  });

  it('never has bytes of elsewhere in it, whatever a later piece is answered with', async () => {
    for (const [, script] of wrong.filter(([name]) => name.startsWith('answered') || name === 'ignored')) {
      const { bytes: found, failure } = await fetched((request, response, nth) =>
        nth === 3 ? script(request, response) : rightly(request, response),
      );
      expect(failure).toMatchObject({ kind: 'unavailable', code: 'REGISTRY_RANGE_WRONG' });
      expect(found.equals(bytes.subarray(0, found.length))).toBe(true);
    }
  });

  it('has a piece that breaks off or is refused for a while asked for again, and only what is missing of it', async () => {
    const {
      bytes: found,
      pieces,
      wholes,
    } = await fetched((request, response, nth) => {
      const range = rangeOf(request);
      if (nth === 3) return void response.writeHead(503).end();
      if (nth !== 2) return rightly(request, response);
      response.writeHead(206, {
        'content-length': String(range.last - range.first + 1),
        'content-range': `bytes ${range.first}-${range.last}/${bytes.length}`,
      });
      response.write(bytes.subarray(range.first, range.first + 1000), () => setTimeout(() => request.socket.destroy(), 20));
    });
    expect(found.equals(bytes)).toBe(true);
    expect(wholes).toBe(1);
    const [, broken = ''] = pieces;
    const [, first = '', last = ''] = /^bytes=(\d+)-(\d+)$/.exec(broken) ?? [];
    expect(pieces).toContain(`bytes=${Number(first) + 1000}-${last}`);
  });

  it('goes on after a piece whose connection breaks behind its last byte: there was no rest to ask for', async () => {
    const { bytes: found, failure } = await fetched((request, response, nth) => {
      const { first, last } = rangeOf(request);
      if (first > last) return void response.writeHead(416).end();
      if (nth !== 2) return rightly(request, response);
      // Without a length only the end of the coding says that this was all.
      response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${bytes.length}` });
      response.write(bytes.subarray(first, last + 1), () => setTimeout(() => request.socket.destroy(), 50));
    });
    expect(failure).toBeUndefined();
    expect(found.equals(bytes)).toBe(true);
  });

  it('ends when its resolver is disposed of, with all of its connections', async () => {
    const open = new Set<ServerResponse>();
    await using server = await ScriptedServer.start((request, response) => {
      open.add(response);
      response.once('close', () => open.delete(response));
      return slowly(response, rangeOf(request));
    });
    const session = sessionOf(server);
    await using content = await fetchContent(session, 'a', layer, 0, undefined, always);
    const reading = async (): Promise<void> => {
      for await (const _ of content.body) if (open.size > 2) await session[Symbol.asyncDispose]();
    };
    expect(await failureOf(reading())).toMatchObject({ kind: 'canceled' });
    while (open.size > 0) await sleep(20);
  });

  it('is given up when it is aborted, and not when its connection is', async () => {
    const abort = new AbortController();
    let nth = 0;
    await using server = await ScriptedServer.start((request, response) => {
      if (!isPiece(request)) return slowly(response, rangeOf(request));
      nth += 1;
      if (nth === 1) return rightly(request, response);
      setTimeout(() => abort.abort(), 100);
    });
    await using session = sessionOf(server, { idle_timeout: 3600 });
    await using content = await fetchContent(session, 'a', layer, 0, abort.signal, always);
    // Its connection would be given up after an hour.
    expect(await failureOf(readAll(content.body))).toMatchObject({ kind: 'canceled' });
  });

  it('leaves no connection behind when its reader stops', async () => {
    const open = new Set<ServerResponse>();
    await using server = await ScriptedServer.start((request, response) => {
      open.add(response);
      response.once('close', () => open.delete(response));
      return slowly(response, rangeOf(request));
    });
    await using session = sessionOf(server);
    await using content = await fetchContent(session, 'a', layer, 0, undefined, always);
    for await (const _ of content.body) if (open.size > 2) break;
    while (open.size > 0) await sleep(20);
  });

  it('is fetched where the registry led to, which is asked again until it refuses', async () => {
    let signature = 1;
    let asked = 0;
    await using store = await ScriptedServer.start((request, response) => {
      if (isPiece(request)) asked += 1;
      if (asked === 3) signature = 2;
      if (request.url !== `/data?signature=${signature}`) return void response.writeHead(403).end();
      return slowly(response, rangeOf(request));
    });
    await using server = await ScriptedServer.start(
      (_request, response) =>
        void response.writeHead(307, { location: `http://${store.host}/data?signature=${signature}` }).end(),
    );
    await using session = sessionOf(server);
    await using content = await fetchContent(session, 'a', layer, 0, undefined, always);
    expect((await readAll(content.body)).equals(bytes)).toBe(true);
    // One for the first connection, and those that were refused afterwards.
    expect(server.log.length).toBeGreaterThanOrEqual(2);
    expect(server.log.length).toBeLessThan(store.log.length);
    expect(store.log.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it('shares the connections to its registry with the others', async () => {
    let [open, most] = [0, 0];
    await using server = await ScriptedServer.start(async (request, response) => {
      if (!isPiece(request)) return slowly(response, rangeOf(request));
      open += 1;
      most = Math.max(most, open);
      await rightly(request, response);
      open -= 1;
    });
    await using session = sessionOf(server, { connections_per_registry: 3 });
    const contents = await Promise.all(
      [0, 1, 2].map(async (index) => {
        await using content = await fetchContent(session, 'abc'[index] ?? '', layer, 0, undefined, always);
        return await readAll(content.body);
      }),
    );
    expect(contents.every((found) => found.equals(bytes))).toBe(true);
    expect(most).toBeGreaterThan(1);
    // A layer whose own connection was cut has one in place of it.
    expect(most).toBeLessThanOrEqual(6);
  });
});
