import { mediaTypes } from '@slipway/oci';
import type { Descriptor, ImageConfig } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { type BaseImage, type ImageParts, makeImage } from '../../dist/images/made/made-image.js';

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const layer = { descriptor: { mediaType: mediaTypes.ociLayerGzip, digest: digest('a'), size: 3 }, diffId: digest('b') };
const parts: ImageParts = {
  base: undefined,
  layer,
  defaults: { Cmd: ['sh'] },
  platform: { os: 'linux', architecture: 'arm64' },
  author: undefined,
  history: { created_by: 'test' },
  created: '2026-01-02T03:04:05.000Z',
};

function baseOf(document: object, layers: readonly Descriptor[]): BaseImage {
  return { document: document as BaseImage['document'], config: document as ImageConfig, layers };
}

describe('the documents of an image that is made here', () => {
  it('are the same for the same parts', () => {
    const { target, config, manifest, documents } = makeImage(parts);
    expect(makeImage(parts).target).toEqual(target);
    expect(config).toEqual({
      created: parts.created,
      architecture: 'arm64',
      os: 'linux',
      config: { Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      history: [{ created: parts.created, created_by: 'test' }],
    });
    expect(manifest).toEqual({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: documents[0]?.descriptor,
      layers: [layer.descriptor],
    });
  });

  it('keep what the base has, also what is not known here, in the media types of OCI', () => {
    const document = {
      os: 'linux',
      architecture: 'amd64',
      'os.version': '10',
      author: 'them',
      rootfs: { type: 'layers', diff_ids: [digest('1')] },
      history: [{ created_by: 'base', vendor: 'x' }],
    };
    const below = { mediaType: mediaTypes.dockerLayerGzip, digest: digest('2'), size: 5 };
    const made = makeImage({ ...parts, base: baseOf(document, [below]), platform: { os: 'linux', architecture: 'amd64' } });
    const bytes = JSON.parse(made.documents[0]?.bytes.toString() ?? '') as Record<string, unknown>;
    expect(bytes).toMatchObject({ 'os.version': '10', author: 'them' });
    expect(bytes['history']).toEqual([
      { created_by: 'base', vendor: 'x' },
      { created: parts.created, created_by: 'test' },
    ]);
    expect(made.manifest.layers).toEqual([{ ...below, mediaType: mediaTypes.ociLayerGzip }, layer.descriptor]);
    expect(made.config.rootfs.diff_ids).toEqual([digest('1'), layer.diffId]);
  });

  it('without a layer have an entry that says so, and name the author', () => {
    const { config, manifest } = makeImage({ ...parts, layer: undefined, author: 'me' });
    expect(manifest.layers).toEqual([]);
    expect(config.author).toBe('me');
    expect(config.history).toEqual([{ created: parts.created, created_by: 'test', author: 'me', empty_layer: true }]);
  });

  it.each([[undefined], [null], [[{ created_by: 'x', empty_layer: true }]]])(
    'give each layer of a base an entry, where its history is %j',
    (history) => {
      const document = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digest('1')] }, history };
      const below = { mediaType: mediaTypes.ociLayer, digest: digest('2'), size: 5 };
      const entries = makeImage({
        ...parts,
        base: { ...baseOf({ ...document, history: history ?? undefined }, [below]), document },
      }).config.history;
      expect(entries?.filter(({ empty_layer: isEmpty }) => isEmpty !== true)).toHaveLength(2);
      expect(entries?.at(-1)?.created_by).toBe('test');
    },
  );

  it('are refused when nobody could read them', () => {
    const many = Array.from({ length: 1000 }, () => digest('1'));
    const document = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: many } };
    const base = baseOf(
      document,
      many.map((one) => ({ mediaType: mediaTypes.ociLayer, digest: one, size: 1 })),
    );
    expect(() => makeImage({ ...parts, base })).toThrow(/1000/);
  });
});
