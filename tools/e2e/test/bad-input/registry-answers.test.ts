import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { architecture, busyboxLayer, digestOf, documentOf, imageOf, indexOf, json, layerOf, types } from './built-image.ts';
import { type Refusal, WatchedPlace } from './refusal.ts';
import { type Script, ScriptedRegistry } from './scripted-registry.ts';

const MiB = 2 ** 20;
/** What a command may hold at most: Node with all plugins takes about 100 MiB. */
const memoryLimit = 400 * MiB;

let watched: WatchedPlace;
let registry: ScriptedRegistry;
const good = imageOf({ layers: [layerOf({ path: 'file', body: 'hello' })] });

beforeAll(async () => {
  watched = await WatchedPlace.open('[plugin.resolver-registry]\nidle_timeout = 0.5\n');
  registry = await ScriptedRegistry.start();
});

afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});

/** The largest resident set, in bytes, of a command that is refused. */
async function refusesWithin(name: string, expected: Refusal): Promise<void> {
  const peak = path.join(watched.place.folder, 'peak');
  const NODE_OPTIONS = `--import=${path.join(import.meta.dirname, 'peak-memory.ts')}`;
  await watched.refuses(['pull', name], expected, { env: { NODE_OPTIONS, SLIPWAY_E2E_PEAK: peak } });
  expect(Number(readFileSync(peak, 'utf8')) * 1024).toBeLessThan(memoryLimit);
}

const endsWith = (request: IncomingMessage, digest: string): boolean => request.url?.endsWith(`/${digest}`) === true;

function pour(response: ServerResponse, piece: Buffer): void {
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', more);
  more();
}

describe('a manifest by digest', () => {
  it('answered by another one that is valid', async () => {
    const other = imageOf({ layers: [layerOf({ path: 'file', body: 'other' })] });
    const bytes = other.documents.get(other.top.digest)?.bytes ?? Buffer.alloc(0);
    const name = registry.serve('swapped', good, (request, response) => {
      if (!endsWith(request, good.top.digest)) return false;
      response.writeHead(200, { 'content-type': types.manifest, 'docker-content-digest': good.top.digest }).end(bytes);
      return true;
    });
    await watched.refuses(['pull', name], {
      kind: 'failed-precondition',
      code: expect.stringMatching(/^(CONTENT_DIGEST_MISMATCH|REGISTRY_SIZE_MISMATCH)$/),
      names: [good.top.digest],
    });
  });

  it('of an index answered by a manifest of the same size', async () => {
    const index = indexOf([{ image: good, platform: { os: 'linux', architecture } }]);
    const bytes = index.documents.get(index.top.digest)?.bytes ?? Buffer.alloc(0);
    const swapped = Buffer.from(bytes.toString().replace(good.top.digest.slice(-8), '00000000'));
    const name = registry.serve('swapped-index', index, (request, response) => {
      if (request.method !== 'GET' || !endsWith(request, index.top.digest)) return false;
      response.writeHead(200, { 'content-type': types.index }).end(swapped);
      return true;
    });
    await watched.refuses(['pull', name], {
      kind: 'failed-precondition',
      code: 'CONTENT_DIGEST_MISMATCH',
      names: [index.top.digest],
    });
  });

  it('under a wrong Docker-Content-Digest', async () => {
    const name = registry.serve('wrong-digest', good, (request, response) => {
      if (!endsWith(request, 'latest')) return false;
      if (request.method === 'HEAD') response.writeHead(405).end();
      else
        response
          .writeHead(200, { 'content-type': types.manifest, 'docker-content-digest': digestOf(Buffer.from('wrong')) })
          .end(good.documents.get(good.top.digest)?.bytes);
      return true;
    });
    await watched.refuses(['pull', name], { kind: 'failed-precondition', code: 'REGISTRY_DIGEST_MISMATCH', names: [name] });
  });

  it('whose media type contradicts the Content-Type', async () => {
    const bytes = good.documents.get(good.top.digest)?.bytes ?? Buffer.alloc(0);
    const name = registry.serve('contradiction', good, (request, response) => {
      if (!request.url?.includes('/manifests/')) return false;
      if (request.method === 'HEAD') response.writeHead(405).end();
      else response.writeHead(200, { 'content-type': types.index }).end(bytes);
      return true;
    });
    await watched.refuses(['pull', name], { kind: 'invalid-argument', code: 'MANIFEST_MEDIA_TYPE_MISMATCH', names: [name] });
  });
});

describe('plain data', () => {
  it('__proto__ and constructor as labels, annotations and keys of platforms', async () => {
    const hostile = JSON.parse('{"__proto__":"polluted","constructor":"polluted","toString":"polluted"}') as object;
    const image = imageOf({ layers: [busyboxLayer()], settings: { Labels: hostile }, manifest: { annotations: hostile } });
    const platform = JSON.parse(
      `{"os":"linux","architecture":"${architecture}","__proto__":{"os":"windows"},"constructor":"x"}`,
    ) as object;
    const name = registry.serve('prototypes', indexOf([{ image, platform }]));
    expect((await watched.slipway(['pull', name])).status).toBe(0);
    expect(await watched.slipway(['run', '--rm', name, 'echo', 'fine'])).toMatchObject({ status: 0, stdout: 'fine\n' });
    expect((await watched.slipway(['rmi', name])).status).toBe(0);
  });
});

describe('in the course of a layer', () => {
  const layer = layerOf({ path: 'file', body: Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * at * 7919) % 251)) });
  const image = imageOf({ layers: [busyboxLayer(), layer] });
  const digest = digestOf(layer.blob);
  const half = layer.blob.length >> 1;

  /** Breaks the first answers off; says what was asked for then. */
  const breaking = (asked: string[], later: (request: IncomingMessage, response: ServerResponse) => void): Script => {
    return (request, response) => {
      if (!endsWith(request, digest)) return false;
      asked.push(request.headers.range ?? 'all');
      if (asked.length === 1) {
        response.writeHead(200, { 'content-length': String(layer.blob.length) });
        response.write(layer.blob.subarray(0, half), () => setTimeout(() => request.socket.resetAndDestroy(), 50));
      } else later(request, response);
      return true;
    };
  };
  const part = (response: ServerResponse, range: string, bytes: Buffer): void =>
    void response.writeHead(206, { 'content-range': range }).end(bytes);
  const size = layer.blob.length;

  it.each<readonly [string, (request: IncomingMessage, response: ServerResponse) => void]>([
    ['is gone on with', (_request, response) => part(response, `bytes ${half}-${size - 1}/${size}`, layer.blob.subarray(half))],
    ['is begun again where the range is ignored', (_request, response) => void response.end(layer.blob)],
    [
      'is begun again where the range is another',
      (request, response) =>
        request.headers.range === undefined
          ? void response.end(layer.blob)
          : part(response, `bytes 0-${size - half - 1}/${size}`, layer.blob.subarray(0, size - half)),
    ],
    [
      'is begun again where there is no such range',
      (request, response) =>
        void (request.headers.range === undefined ? response.end(layer.blob) : response.writeHead(416).end()),
    ],
  ])('a connection that is reset %s', async (_what, later) => {
    const asked: string[] = [];
    const name = registry.serve('reset', image, breaking(asked, later));
    expect(await watched.slipway(['pull', name])).toMatchObject({ status: 0 });
    expect(asked.slice(0, 2)).toEqual(['all', `bytes=${half}-`]);
    expect(await watched.slipway(['run', '--rm', name, 'wc', '-c', '/file'])).toMatchObject({
      status: 0,
      stdout: '300000 /file\n',
    });
    expect((await watched.slipway(['rmi', name])).status).toBe(0);
  });

  it('a range that has other bytes than it says is refused, and nothing of it stays', async () => {
    const asked: string[] = [];
    const name = registry.serve(
      'spliced',
      image,
      breaking(asked, (_request, response) =>
        part(response, `bytes ${half}-${size - 1}/${size}`, Buffer.alloc(size - half, 'x')),
      ),
    );
    await watched.refuses(['pull', name], {
      kind: 'failed-precondition',
      code: 'CONTENT_DIGEST_MISMATCH',
      names: [digest],
      keepsContent: true,
    });
    registry.serve('spliced', image);
    expect((await watched.slipway(['pull', name])).status).toBe(0);
    expect((await watched.slipway(['rmi', name])).status).toBe(0);
  });

  it('a stall ends after the idle timeout, again and again, and then the pull', async () => {
    const name = registry.serve('stall', image, (request, response) => {
      if (!endsWith(request, digest)) return false;
      response.writeHead(200, { 'content-length': String(size) });
      response.write(layer.blob.subarray(0, 10));
      return true;
    });
    await watched.refuses(['pull', name], { kind: 'unavailable', code: 'REGISTRY_TIMEOUT', names: [digest], keepsContent: true });
  });
});

describe('without end', () => {
  it('a config', async () => {
    const name = registry.serve('endless-config', good, (request, response) => {
      if (!endsWith(request, good.config.digest)) return false;
      pour(response.writeHead(200), Buffer.alloc(65_536, ' '));
      return true;
    });
    await refusesWithin(name, { kind: 'failed-precondition', code: 'REGISTRY_SIZE_MISMATCH', names: [good.config.digest] });
  });

  it('a token', async () => {
    const realm = `http://${registry.address}/v2/endless-token/tags/token`;
    const name = registry.serve('endless-token', good, (request, response) => {
      if (request.url?.includes('/tags/')) pour(response.writeHead(200), Buffer.alloc(65_536, ' '));
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end();
      return true;
    });
    await refusesWithin(name, { kind: 'resource-exhausted', code: 'REGISTRY_TOKEN_TOO_LARGE', names: [registry.address] });
  });

  it('an error', async () => {
    const name = registry.serve('endless-error', good, (request, response) => {
      response.writeHead(418, { 'content-type': 'application/json' });
      if (request.method === 'HEAD') response.end();
      else pour(response, Buffer.alloc(65_536, 'x'));
      return true;
    });
    await refusesWithin(name, { kind: 'invalid-argument', code: 'REGISTRY_REQUEST_REFUSED', names: [name] });
  });

  it('headers', async () => {
    const name = registry.serve('endless-headers', good, (_request, response) => {
      const { socket } = response;
      socket?.write('HTTP/1.1 200 OK\r\n');
      const more = (): void => {
        while (socket?.writable && socket.write(`x-filler: ${'y'.repeat(8000)}\r\n`));
      };
      socket?.on('drain', more);
      socket?.on('error', () => undefined);
      more();
      return true;
    });
    await refusesWithin(name, { kind: 'resource-exhausted', code: 'REGISTRY_HEADERS_TOO_LARGE', names: [registry.address] });
  });

  it('redirects', async () => {
    const name = registry.serve('redirects', good, (request, response) => {
      response.writeHead(307, { location: `${request.url}?again` }).end();
      return true;
    });
    await refusesWithin(name, { kind: 'failed-precondition', code: 'REGISTRY_REDIRECT_REFUSED', names: [registry.address] });
  });

  it('zstd frames whose window is huge', async () => {
    // RFC 8878: a frame with a window of 2 GiB (exponent 21), and a block of zeros that it needs for nothing.
    const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3]);
    const block = Buffer.from([0x03 | ((1024 << 3) & 0xff), (1024 << 3) >> 8, 0x00, 0x00]);
    const blob = Buffer.concat([header, block]);
    const image = imageOf({ layers: [{ blob, diffId: digestOf(Buffer.alloc(1024)) }] });
    const name = registry.serve('window', image);
    await refusesWithin(name, {
      kind: expect.stringMatching(/^(data-loss|resource-exhausted|unimplemented)$/),
      code: expect.stringMatching(/^LAYER_/),
      names: [digestOf(blob)],
    });
  });
});

describe('documents that say too much', () => {
  it('an index of 10,000 manifests', async () => {
    const entry = { ...good.top, platform: { os: 'linux', architecture } };
    const document = json({ schemaVersion: 2, mediaType: types.index, manifests: Array.from({ length: 10_000 }, () => entry) });
    const image = documentOf(types.index, document);
    const name = registry.serve('many-manifests', {
      ...image,
      documents: new Map([...image.documents, ...good.documents]),
      blobs: good.blobs,
    });
    await refusesWithin(name, { kind: 'resource-exhausted', code: 'MANIFEST_TOO_LARGE', names: ['10000'] });
  });
});
