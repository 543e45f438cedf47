import { digestOf, mediaTypes, parseImageConfig, parseManifestDocument } from '@slipway/oci';
import { describe, expect, it } from 'vitest';

const bytes = (value: unknown): Uint8Array => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const blob = (mediaType: string, more: object = {}): object => ({ mediaType, digest: digestOf('x'), size: 1, ...more });
const config = blob(mediaTypes.ociConfig);
const layer = blob(mediaTypes.ociLayerGzip);
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] };
const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [blob(mediaTypes.ociManifest)] };
const refusal = (kind: string, code: string, message = /./): unknown =>
  expect.objectContaining({ kind, code, message: expect.stringMatching(message) });

describe('parseManifestDocument', () => {
  it('reads manifests and indexes of both families', () => {
    expect(parseManifestDocument(bytes(manifest))).toMatchObject({
      kind: 'manifest',
      mediaType: mediaTypes.ociManifest,
      manifest,
    });
    expect(parseManifestDocument(bytes(index), mediaTypes.ociIndex)).toMatchObject({
      kind: 'index',
      mediaType: mediaTypes.ociIndex,
      index,
    });
    const docker = { ...manifest, mediaType: mediaTypes.dockerManifest };
    expect(parseManifestDocument(bytes(docker), `${mediaTypes.dockerManifest}; charset=utf-8`).mediaType).toBe(
      mediaTypes.dockerManifest,
    );
    const list = { schemaVersion: 2, manifests: [] };
    expect(parseManifestDocument(bytes(list), mediaTypes.dockerManifestList)).toMatchObject({
      kind: 'index',
      mediaType: mediaTypes.dockerManifestList,
    });
    expect(parseManifestDocument(bytes(list)).mediaType).toBe(mediaTypes.ociIndex);
  });

  it('takes what Go writes for nothing, and leaves unknown members out', () => {
    const read = parseManifestDocument(
      bytes({ ...manifest, layers: null, manifests: null, annotations: null, artifactType: '', extra: { a: 1 } }),
    );
    expect(read).toEqual({
      kind: 'manifest',
      mediaType: mediaTypes.ociManifest,
      manifest: { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] },
    });
  });

  it.each([
    ['index and manifest', { ...manifest, manifests: [] }, undefined, 'MANIFEST_AMBIGUOUS'],
    ['index with layers', { ...index, layers: [] }, undefined, 'MANIFEST_AMBIGUOUS'],
    ['neither', { schemaVersion: 2 }, undefined, 'MANIFEST_INVALID'],
    ['layers without config', { schemaVersion: 2, layers: [layer] }, undefined, 'MANIFEST_INVALID'],
    ['other Content-Type', manifest, mediaTypes.dockerManifest, 'MANIFEST_MEDIA_TYPE_MISMATCH'],
    ['index announced as manifest', { ...index, mediaType: undefined }, mediaTypes.ociManifest, 'MANIFEST_MEDIA_TYPE_MISMATCH'],
    ['manifest that says index', { ...manifest, mediaType: mediaTypes.ociIndex }, undefined, 'MANIFEST_MEDIA_TYPE_MISMATCH'],
    ['unknown type', { ...manifest, mediaType: 'application/json' }, undefined, 'MANIFEST_MEDIA_TYPE_MISMATCH'],
    ['version 3', { ...manifest, schemaVersion: 3 }, undefined, 'MANIFEST_INVALID'],
    ['version "2"', { ...manifest, schemaVersion: '2' }, undefined, 'MANIFEST_INVALID'],
    ['config as string', { ...manifest, config: 'x' }, undefined, 'MANIFEST_INVALID'],
    ['layers as object', { ...manifest, layers: { length: 1 } }, undefined, 'MANIFEST_INVALID'],
    ['layer null', { ...manifest, layers: [null] }, undefined, 'MANIFEST_INVALID'],
    ['annotation number', { ...manifest, annotations: { a: 1 } }, undefined, 'MANIFEST_INVALID'],
    ['an array', [], undefined, 'MANIFEST_INVALID'],
    ['null', null, undefined, 'MANIFEST_INVALID'],
    ['no JSON', '{', undefined, 'MANIFEST_INVALID'],
    ['a toString of its own', { ...manifest, schemaVersion: { toString: 1 } }, undefined, 'MANIFEST_INVALID'],
  ])('refuses: %s', (_name, value, type, code) => {
    expect(() => parseManifestDocument(bytes(value), type)).toThrow(refusal('invalid-argument', code));
  });

  it.each(['9007199254740993', '-1', '1.5', '"10"', '1e400', 'null', 'true', '[1]'])('refuses a size of %s', (size) => {
    const text = JSON.stringify({ ...manifest, layers: [blob(mediaTypes.ociLayer, { size: 777 })] }).replace('777', size);
    expect(() => parseManifestDocument(bytes(text))).toThrow(
      refusal('invalid-argument', 'MANIFEST_INVALID', /layers\[0\]\.size/),
    );
  });

  it.each(['sha256:../../x', `sha256:${'A'.repeat(64)}`, `sha256:${'a'.repeat(63)}`, `md5:${'a'.repeat(32)}`, '', 7])(
    'refuses a digest of %j',
    (digest) => {
      expect(() => parseManifestDocument(bytes({ ...manifest, layers: [blob(mediaTypes.ociLayer, { digest })] }))).toThrow(
        refusal('invalid-argument', 'MANIFEST_INVALID', /layers\[0\]\.digest/),
      );
    },
  );

  it('takes sha512', () => {
    const digest = digestOf('x', 'sha512');
    const read = parseManifestDocument(bytes({ ...manifest, config: blob(mediaTypes.ociConfig, { digest }) }));
    expect(read.kind === 'manifest' && read.manifest.config.digest).toBe(digest);
  });

  it("refuses Docker's schema 1 with a hint", () => {
    const old = { schemaVersion: 1, name: 'x', fsLayers: [{ blobSum: digestOf('x') }], history: [] };
    for (const type of [undefined, mediaTypes.dockerManifestSchema1, mediaTypes.dockerManifestSchema1Signed])
      expect(() => parseManifestDocument(bytes(old), type)).toThrow(
        expect.objectContaining({
          kind: 'unimplemented',
          code: 'MANIFEST_SCHEMA1_UNSUPPORTED',
          hint: expect.stringMatching(/push/),
        }),
      );
  });

  it('takes 128 layers and 1,000, and refuses 10,000', () => {
    for (const count of [128, 1000]) {
      const read = parseManifestDocument(bytes({ ...manifest, layers: Array(count).fill(layer) }));
      expect(read.kind === 'manifest' && read.manifest.layers.length).toBe(count);
    }
    expect(() => parseManifestDocument(bytes({ ...manifest, layers: Array(10_000).fill(layer) }))).toThrow(
      refusal('resource-exhausted', 'MANIFEST_TOO_LARGE', /10000/),
    );
  });

  it('refuses more than 4 MiB before parsing', () => {
    expect(() => parseManifestDocument(new Uint8Array(4 * 1024 * 1024 + 1))).toThrow(
      refusal('resource-exhausted', 'MANIFEST_TOO_LARGE'),
    );
  });

  it('survives four million brackets', () => {
    expect(() => parseManifestDocument(bytes('['.repeat(4_000_000)))).toThrow(refusal('invalid-argument', 'MANIFEST_INVALID'));
  });

  it('refuses what is not UTF-8', () => {
    expect(() => parseManifestDocument(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))).toThrow(
      refusal('invalid-argument', 'MANIFEST_INVALID', /UTF-8/),
    );
  });

  it('keeps __proto__ and constructor as plain keys', () => {
    const text = JSON.stringify({
      ...manifest,
      annotations: { KEY: 'x', constructor: 'y' },
      layers: [blob(mediaTypes.ociLayer, { annotations: { KEY: 'z' } })],
    });
    const read = parseManifestDocument(bytes(text.replaceAll('"KEY"', '"__proto__"')));
    if (read.kind !== 'manifest') throw new Error('no manifest');
    expect(Object.entries(read.manifest.annotations ?? {})).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(Object.keys(read.manifest.layers[0]?.annotations ?? {})).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('does not take inherited names for members', () => {
    const text = '{"__proto__":{"manifests":[]},"schemaVersion":2}';
    expect(() => parseManifestDocument(bytes(text))).toThrow(refusal('invalid-argument', 'MANIFEST_INVALID', /neither/));
  });
});

describe('parseImageConfig', () => {
  const image = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digestOf('x')] } };

  it('reads a whole one and leaves unknown fields out', () => {
    const whole = {
      ...image,
      created: '2026-01-01T00:00:00Z',
      author: 'a',
      variant: 'v2',
      config: {
        User: '1000:1000',
        Env: ['PATH=/bin', 'EMPTY='],
        Entrypoint: ['/bin/sh'],
        Cmd: ['-c', 'true'],
        WorkingDir: '/w',
        Volumes: { '/v': {} },
        Labels: { a: 'b' },
        ExposedPorts: { '80/tcp': {} },
        StopSignal: 'SIGINT',
      },
      history: [{ created_by: 'x', empty_layer: true }, {}],
    };
    expect(parseImageConfig(bytes({ ...whole, docker_version: 'x', container_config: 7 }))).toEqual(whole);
  });

  it('takes null for what is empty', () => {
    const read = parseImageConfig(
      bytes({ ...image, config: { Env: null, Entrypoint: null, Cmd: [], Volumes: null, Labels: null }, history: null }),
    );
    expect(read).toEqual({ ...image, config: { Cmd: [] } });
    expect(parseImageConfig(bytes({ ...image, rootfs: { type: 'layers', diff_ids: null } })).rootfs.diff_ids).toEqual([]);
  });

  it.each([
    ['Entrypoint a string', { config: { Entrypoint: '/bin/sh' } }, /config\.Entrypoint.*a string, expected an array/],
    ['Cmd a string', { config: { Cmd: 'true' } }, /config\.Cmd.*expected an array/],
    ['Cmd of numbers', { config: { Cmd: [1] } }, /config\.Cmd\[0\]/],
    ['Env an object', { config: { Env: { A: 'b' } } }, /config\.Env/],
    ['Env with NUL', { config: { Env: ['A=\0'] } }, /NUL/],
    ['User a number', { config: { User: 0 } }, /config\.User/],
    ['Volumes an array', { config: { Volumes: ['/v'] } }, /config\.Volumes/],
    ['Labels of numbers', { config: { Labels: { a: 1 } } }, /config\.Labels\.a/],
    ['config an array', { config: [] }, /config/],
    ['os missing', { os: undefined }, /"os" is missing/],
    ['architecture empty', { architecture: '' }, /"architecture" is empty/],
    ['rootfs missing', { rootfs: undefined }, /rootfs/],
    ['rootfs of another type', { rootfs: { type: 'layers+base', diff_ids: [] } }, /layers\+base/],
    ['rootfs type with toString', { rootfs: { type: { toString: 1 }, diff_ids: [] } }, /rootfs\.type/],
    ['diff_id malformed', { rootfs: { type: 'layers', diff_ids: ['sha256:../x'] } }, /diff_ids\[0\]/],
    ['history of strings', { history: ['x'] }, /history\[0\]/],
  ])('refuses: %s', (_name, change, message) => {
    expect(() => parseImageConfig(bytes({ ...image, ...change }))).toThrow(
      refusal('invalid-argument', 'IMAGE_CONFIG_INVALID', message),
    );
  });

  it.each([
    ['history', { history: Array(10_001).fill({}) }],
    ['Env', { config: { Env: Array(10_001).fill('A=1') } }],
    ['Labels', { config: { Labels: Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`k${at}`, '1'])) } }],
  ])('refuses so many entries of %s that nothing else would be done meanwhile', (_, more) => {
    expect(() => parseImageConfig(bytes({ ...image, ...more }))).toThrow(
      refusal('resource-exhausted', 'IMAGE_CONFIG_TOO_LARGE', /10001/),
    );
  });

  it('refuses more than 8 MiB and 10,000 diff_ids', () => {
    expect(() => parseImageConfig(new Uint8Array(8 * 1024 * 1024 + 1))).toThrow(
      refusal('resource-exhausted', 'IMAGE_CONFIG_TOO_LARGE'),
    );
    const many = { type: 'layers', diff_ids: Array(10_000).fill(digestOf('x')) };
    expect(() => parseImageConfig(bytes({ ...image, rootfs: many }))).toThrow(
      refusal('resource-exhausted', 'IMAGE_CONFIG_TOO_LARGE'),
    );
  });

  it('keeps __proto__ in labels and volumes as a plain key', () => {
    const text = JSON.stringify({ ...image, config: { Labels: { KEY: 'x' }, Volumes: { KEY: {} } } }).replaceAll(
      '"KEY"',
      '"__proto__"',
    );
    const read = parseImageConfig(bytes(text));
    expect(Object.keys(read.config?.Labels ?? {})).toEqual(['__proto__']);
    expect(Object.keys(read.config?.Volumes ?? {})).toEqual(['__proto__']);
  });

  it('neutralises what it quotes', () => {
    expect(() => parseImageConfig(bytes({ ...image, config: { Labels: { '\u001b[2J': 1 } } }))).toThrow(
      refusal('invalid-argument', 'IMAGE_CONFIG_INVALID', /\\u\{1b\}\[2J/),
    );
  });
});
