import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  architecture,
  type BuiltImage,
  busyboxLayer,
  digestOf,
  documentOf,
  imageOf,
  indexOf,
  json,
  layerOf,
  types,
} from './built-image.ts';
import { type Refusal, WatchedPlace } from './refusal.ts';
import { type Script, ScriptedRegistry, send } from './scripted-registry.ts';

let watched: WatchedPlace;
let registry: ScriptedRegistry;
const good = imageOf({ layers: [layerOf({ path: 'file', body: 'hello' })] });

beforeAll(async () => {
  [watched, registry] = [await WatchedPlace.open(), await ScriptedRegistry.start()];
});

afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});

describe('what is not there', () => {
  it('an unknown host', () =>
    watched.refuses(['pull', 'no-such-host.invalid/image'], {
      // A machine without any name server cannot know that there is none.
      kind: expect.stringMatching(/^(not-found|unavailable)$/),
      code: expect.stringMatching(/^REGISTRY_(HOST_NOT_FOUND|NAME_RESOLUTION)$/),
      names: ['no-such-host.invalid'],
    }));

  it('a host that refuses the connection', () =>
    watched.refuses(['pull', '127.0.0.1:1/image'], {
      kind: 'unavailable',
      code: 'REGISTRY_CONNECTION_REFUSED',
      names: ['127.0.0.1:1'],
    }));

  it('an unknown image', () =>
    watched.refuses(['pull', `${registry.address}/no/such`], {
      kind: 'not-found',
      code: 'REGISTRY_REPOSITORY_NOT_FOUND',
      names: ['no/such', registry.address],
    }));

  it('an unknown tag', () => {
    registry.serve('good', good);
    return watched.refuses(['pull', `${registry.address}/good:nosuch`], {
      kind: 'not-found',
      code: 'REGISTRY_TAG_NOT_FOUND',
      names: ['good', 'nosuch'],
    });
  });

  it('an unknown digest', () => {
    registry.serve('good', good);
    const digest = digestOf(Buffer.from('nothing'));
    return watched.refuses(['pull', `${registry.address}/good@${digest}`], {
      kind: 'not-found',
      code: 'REGISTRY_MANIFEST_NOT_FOUND',
      names: ['good', digest],
    });
  });

  it('an unknown platform: the error lists what exists', () => {
    const image = indexOf([
      { image: good, platform: { os: 'linux', architecture } },
      { image: imageOf({ config: { architecture: 's390x' } }), platform: { os: 'linux', architecture: 's390x' } },
    ]);
    const name = registry.serve('platforms', image);
    return watched.refuses(['pull', '--platform', 'linux/riscv64', name], {
      kind: 'not-found',
      code: 'PLATFORM_NOT_FOUND',
      names: ['linux/riscv64', `linux/${architecture}`, 'linux/s390x'],
    });
  });

  it('a layer that the registry has lost', () => {
    const name = registry.serve('lost', {
      ...good,
      blobs: new Map([...good.blobs].filter(([digest]) => digest === good.config.digest)),
    });
    return watched.refuses(['pull', name], { kind: 'not-found', code: 'REGISTRY_BLOB_NOT_FOUND', names: [digestOfLayer(good)] });
  });

  it('an image that is run and must not be pulled', () =>
    watched.refuses(['run', '--rm', '--pull', 'never', 'absent', 'true'], {
      kind: 'not-found',
      code: 'IMAGE_NOT_FOUND',
      names: ['absent'],
    }));
});

const digestOfLayer = (image: BuiltImage): string => image.layers[0]?.digest ?? '';

/** Answers GETs of one digest with other bytes. */
const lieAbout =
  (digest: string, bytes: Buffer): Script =>
  (request, response) => {
    if (request.method !== 'GET' || !request.url?.endsWith(`/${digest}`)) return false;
    response.writeHead(200, { 'content-type': types.manifest, 'content-length': String(bytes.length) }).end(bytes);
    return true;
  };

describe('bytes that are not those of the digest', () => {
  const wrong: Pick<Refusal, 'kind' | 'code'> = { kind: 'failed-precondition', code: 'CONTENT_DIGEST_MISMATCH' };
  const size: Pick<Refusal, 'kind' | 'code'> = { kind: 'failed-precondition', code: 'REGISTRY_SIZE_MISMATCH' };
  const flipped = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte, at) => (at === bytes.length >> 1 ? byte ^ 1 : byte)));
  const parts: readonly [string, string, Buffer][] = [
    ['manifest', good.top.digest, good.documents.get(good.top.digest)?.bytes ?? Buffer.alloc(0)],
    ['config', good.config.digest, good.blobs.get(good.config.digest) ?? Buffer.alloc(0)],
    ['layer', digestOfLayer(good), good.blobs.get(digestOfLayer(good)) ?? Buffer.alloc(0)],
  ];

  it.each(parts)('a %s of other bytes', (part, digest, bytes) => {
    const name = registry.serve(`flipped-${part}`, good, lieAbout(digest, flipped(bytes)));
    return watched.refuses(['pull', name], { ...wrong, names: [digest] });
  });

  it.each(parts)('a %s that is too long', (part, digest, bytes) => {
    const name = registry.serve(`long-${part}`, good, lieAbout(digest, Buffer.concat([bytes, Buffer.from('x')])));
    return watched.refuses(['pull', name], { ...size, names: [digest] });
  });

  it.each(parts)('a %s that is too short', (part, digest, bytes) => {
    const name = registry.serve(`short-${part}`, good, lieAbout(digest, bytes.subarray(0, -1)));
    return watched.refuses(['pull', name], { ...size, names: [digest] });
  });

  it('a retry succeeds once the cause is gone', async () => {
    const name = registry.serve('flipped-layer', good);
    expect((await watched.slipway(['pull', name])).status).toBe(0);
    expect((await watched.slipway(['rmi', name])).status).toBe(0);
  });
});

describe('documents', () => {
  const manifest = (document: object): BuiltImage => documentOf(types.manifest, json(document));

  it('a manifest of schema 1', () => {
    const bytes = json({ schemaVersion: 1, name: 'old', tag: 'latest', architecture, fsLayers: [], history: [] });
    const name = registry.serve('schema1', documentOf('application/vnd.docker.distribution.manifest.v1+prettyjws', bytes));
    return watched.refuses(['pull', name], { kind: 'unimplemented', code: 'MANIFEST_SCHEMA1_UNSUPPORTED', names: ['schema 1'] });
  });

  it('a page of HTML', () => {
    const name = registry.serve('html', good, (request, response) => {
      send(request, response, 'text/html', Buffer.from('<!DOCTYPE html><title>Log in</title>'));
      return true;
    });
    return watched.refuses(['pull', name], {
      kind: 'invalid-argument',
      code: 'MANIFEST_INVALID',
      names: [name, 'image manifest'],
    });
  });

  it('an index in itself', () => {
    // No document holds its own digest; a registry can only say so.
    const self = digestOf(Buffer.from('self'));
    const bytes = json({
      schemaVersion: 2,
      mediaType: types.index,
      manifests: [{ mediaType: types.index, digest: self, size: 300 }],
    });
    const padded = Buffer.concat([bytes, Buffer.alloc(300 - bytes.length, ' ')]);
    const image: BuiltImage = {
      ...documentOf(types.index, padded),
      documents: new Map([self, digestOf(padded)].map((digest) => [digest, { mediaType: types.index, bytes: padded }])),
    };
    const name = registry.serve('self', image);
    return watched.refuses(['pull', name], { kind: 'failed-precondition', code: 'CONTENT_DIGEST_MISMATCH', names: [self] });
  });

  it('indexes in indexes without end', () => {
    let image = good;
    for (let depth = 0; depth < 6; depth++) image = indexOf([{ image }]);
    const name = registry.serve('deep', image);
    return watched.refuses(['pull', name], { kind: 'invalid-argument', code: 'INDEX_TOO_DEEP', names: [image.top.digest] });
  });

  it('a manifest over 4 MiB', () => {
    const name = registry.serve('large', imageOf({ manifest: { annotations: { filler: 'x'.repeat(4 * 2 ** 20) } } }));
    return watched.refuses(['pull', name], { kind: 'resource-exhausted', code: 'MANIFEST_TOO_LARGE', names: [name] });
  });

  it('10,000 layers', () => {
    const layer = good.layers[0] ?? good.config;
    const name = registry.serve('many', imageOf({ manifest: { layers: Array.from({ length: 10_000 }, () => layer) } }));
    return watched.refuses(['pull', name], {
      kind: 'resource-exhausted',
      code: 'MANIFEST_TOO_LARGE',
      names: ['10000', 'layers'],
    });
  });

  it.each([
    ['a size of 2^53', { size: 2 ** 53 }],
    ['a negative size', { size: -1 }],
    ['half a byte', { size: 1.5 }],
    ['a size as text', { size: '10' }],
    ['a digest that is a path', { digest: 'sha256:../../../../etc/passwd' }],
    ['a digest of MD5', { digest: 'md5:d41d8cd98f00b204e9800998ecf8427e' }],
    ['a digest in upper case', { digest: good.config.digest.toUpperCase() }],
    ['a digest of 63 digits', { digest: good.config.digest.slice(0, -1) }],
  ])('a descriptor with %s', (_what, wrong) => {
    const name = registry.serve('descriptor', imageOf({ manifest: { layers: [{ ...good.layers[0], ...wrong }] } }));
    return watched.refuses(['pull', name], { kind: 'invalid-argument', code: 'MANIFEST_INVALID', names: ['layers[0]'] });
  });

  it('a manifest that is an index too', () => {
    const name = registry.serve('both', manifest({ schemaVersion: 2, config: good.config, layers: [], manifests: [] }));
    return watched.refuses(['pull', name], {
      kind: 'invalid-argument',
      code: 'MANIFEST_AMBIGUOUS',
      names: ['manifests', 'config'],
    });
  });

  it('an index with nothing in it', () => {
    const name = registry.serve('empty', indexOf([]));
    return watched.refuses(['pull', name], {
      kind: 'not-found',
      code: 'PLATFORM_NOT_FOUND',
      names: [`linux/${architecture}`, 'none'],
    });
  });

  it('a config of 10 MiB', () => {
    const name = registry.serve('config', imageOf({ config: { author: 'x'.repeat(10 * 2 ** 20) } }));
    return watched.refuses(['pull', name], { kind: 'resource-exhausted', code: 'DOCUMENT_TOO_LARGE', names: ['sha256:'] });
  });

  it.each([
    ['is no JSON', Buffer.from('{"os":')],
    ['is no object', json(['linux'])],
    ['has no root file system', json({ os: 'linux', architecture })],
    ['has a diff ID that is a path', json({ os: 'linux', architecture, rootfs: { type: 'layers', diff_ids: ['sha256:../x'] } })],
  ])('a config that %s', (_what, bytes) => {
    const descriptor = { mediaType: types.config, digest: digestOf(bytes), size: bytes.length };
    const image = imageOf({ manifest: { config: descriptor } });
    const name = registry.serve('bad-config', { ...image, blobs: new Map([[descriptor.digest, bytes]]) });
    return watched.refuses(['pull', name], {
      kind: 'invalid-argument',
      code: 'IMAGE_CONFIG_INVALID',
      names: ['image configuration'],
    });
  });
});

describe('layers', () => {
  it('a wrong diff ID', () => {
    const layer = layerOf({ path: 'file', body: 'hello' });
    const claimed = digestOf(Buffer.from('other'));
    const name = registry.serve('diff-id', imageOf({ layers: [{ ...layer, diffId: claimed }] }));
    return watched.refuses(['pull', name], {
      kind: 'failed-precondition',
      code: 'DIFF_ID_MISMATCH',
      names: [digestOf(layer.blob), layer.diffId, claimed],
    });
  });

  it.each([
    ['more layers than diff IDs', []],
    ['fewer layers than diff IDs', [digestOf(Buffer.from('a')), digestOf(Buffer.from('b'))]],
  ])('%s', (_what, diffIds) => {
    const layers = [layerOf({ path: 'file', body: 'hello' })];
    const image = imageOf({ layers, config: { rootfs: { type: 'layers', diff_ids: diffIds } } });
    return watched.refuses(['pull', registry.serve('count', image)], {
      kind: 'failed-precondition',
      code: 'LAYER_COUNT_MISMATCH',
      names: ['1 layers', `${diffIds.length} diff IDs`],
    });
  });

  const whole = layerOf({ path: 'file', body: Buffer.alloc(100_000, 'x') });
  const noise = Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 7919) % 251));
  it.each([
    ['a truncated gzip stream', { ...whole, blob: whole.blob.subarray(0, -20) }, 'data-loss', 'LAYER_COMPRESSION_DAMAGED'],
    [
      'bytes after the gzip stream',
      { ...whole, blob: Buffer.concat([whole.blob, noise]) },
      'data-loss',
      'LAYER_COMPRESSION_DAMAGED',
    ],
    ['noise', { blob: noise, diffId: digestOf(noise) }, 'invalid-argument', 'LAYER_NOT_TAR'],
    ['compressed noise', { blob: gzipSync(noise), diffId: digestOf(noise) }, 'invalid-argument', 'LAYER_NOT_TAR'],
    ['bzip2', { blob: Buffer.from('BZh91AY&SY'), diffId: digestOf(noise) }, 'unimplemented', 'LAYER_COMPRESSION_UNSUPPORTED'],
  ])('%s for a layer', (_what, layer, kind, code) => {
    const name = registry.serve('layer', imageOf({ layers: [busyboxLayer(), layer] }));
    return watched.refuses(['pull', name], { kind, code, names: [digestOf(layer.blob)] });
  });

  it('a retry succeeds once the cause is gone', async () => {
    const name = registry.serve('layer', imageOf({ layers: [busyboxLayer(), whole] }));
    expect((await watched.slipway(['pull', name])).status).toBe(0);
    expect(await watched.slipway(['run', '--rm', name, 'wc', '-c', '/file'])).toMatchObject({
      status: 0,
      stdout: '100000 /file\n',
    });
    expect((await watched.slipway(['rmi', name])).status).toBe(0);
  });
});

describe('the largest of what is right', () => {
  it('128 layers', async () => {
    const files = Array.from({ length: 127 }, (_, index) => layerOf({ path: `file-${index}`, body: 'x' }));
    const name = registry.serve('tall', imageOf({ layers: [busyboxLayer(), ...files] }));
    const ended = await watched.slipway(['run', '--rm', name, 'sh', '-c', 'ls / | grep -c ^file-']);
    expect(ended).toMatchObject({ status: 0, stdout: '127\n' });
    expect((await watched.slipway(['rmi', name])).status).toBe(0);
  });
});

describe('a registry that is in trouble', () => {
  it('fails in the end, keeps what came for a retry, and the retry fetches only the rest', async () => {
    const lower = layerOf({ path: 'lower', body: 'lower' });
    const upper = layerOf({ path: 'upper', body: 'upper' });
    const image = imageOf({ layers: [lower, upper] });
    const asked: string[] = [];
    const trouble = (isOver: boolean): Script => {
      asked.length = 0;
      return (request, response) => {
        asked.push(request.url ?? '');
        if (isOver || !request.url?.endsWith(digestOf(upper.blob))) return false;
        response.writeHead(503).end();
        return true;
      };
    };
    const name = registry.serve('trouble', image, trouble(false));
    await watched.refuses(['pull', name], {
      kind: 'unavailable',
      code: 'REGISTRY_SERVER_ERROR',
      names: [digestOf(upper.blob), '503'],
      keepsContent: true,
    });
    expect(asked.length).toBeLessThan(50);

    registry.serve('trouble', image, trouble(true));
    expect((await watched.slipway(['pull', name])).status).toBe(0);
    expect(asked.filter((url) => url.includes('/blobs/'))).toEqual([`/v2/trouble/blobs/${digestOf(upper.blob)}`]);
    expect((await watched.slipway(['rmi', name])).status).toBe(0);
  });
});
