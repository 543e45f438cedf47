import assert from 'node:assert/strict';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import type { LayerFormat } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import { assertTree } from './case-laws.js';
import { baseLayer, baseTree } from './cases/layer-case.js';
import type { SharedDifferLaw } from './shared-differ.js';
import { layerMediaType, putBlob, sha256 } from './subject.js';
import { tar } from './tar-bytes.js';

const [first, rest] = [baseLayer.subarray(0, 1000), baseLayer.subarray(1000)];
/** RFC 8878, section 3.1.2: a frame that decoders skip. */
const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
const gzipped = gzipSync(baseLayer);
const zstandard = zstdCompressSync(baseLayer, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

const compressions: Readonly<Record<string, Buffer>> = {
  'no compression': baseLayer,
  gzip: gzipped,
  'gzip of several members, one of them empty': Buffer.concat([gzipSync(first), gzipSync(''), gzipSync(rest)]),
  zstd: zstandard,
  'zstd of several frames, one of them to be skipped': Buffer.concat([
    zstdCompressSync(first),
    skippable,
    zstdCompressSync(rest),
  ]),
};

const damaged: Readonly<Record<string, Buffer>> = {
  'gzip that is cut': gzipped.subarray(0, gzipped.length - 30),
  'gzip without its trailer': gzipped.subarray(0, gzipped.length - 8),
  'gzip with a wrong CRC': flipped(gzipped, gzipped.length - 8),
  'gzip with a wrong length': flipped(gzipped, gzipped.length - 4),
  'gzip with bytes behind it': Buffer.concat([gzipped, Buffer.from('garbage')]),
  'zstd that is cut': zstandard.subarray(0, zstandard.length - 10),
  'zstd with a wrong checksum': flipped(zstandard, zstandard.length - 1),
  'zstd with bytes behind it': Buffer.concat([zstandard, Buffer.from('garbage')]),
};

const unknown: Readonly<Record<string, Buffer>> = {
  xz: Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), Buffer.alloc(100, 1)]),
  bzip2: Buffer.concat([Buffer.from('BZh91AY&SY'), Buffer.alloc(100, 1)]),
};

const mediaTypes = ['', '+gzip', '+zstd'].map((suffix) => `${layerMediaType}${suffix}`);

/** What the blob is: how it is compressed, and what of it counts as the layer. */
export function streamLaws(law: SharedDifferLaw, [format = 'directory']: readonly LayerFormat[]): void {
  for (const [name, blob] of Object.entries(compressions)) {
    law(`stream: ${name}, whatever the media type says`, async ({ bench, content, differ }) => {
      for (const mediaType of mediaTypes) {
        const target = bench.target(format);
        await differ.apply(await putBlob(content, blob, mediaType), target);
        assertTree(bench.list([target]), baseTree, mediaType);
      }
    });
  }

  law('stream: the digest and size are those of the uncompressed stream', async ({ bench, content, differ }) => {
    for (const [name, blob] of Object.entries(compressions)) {
      const { digest, size } = await differ.apply(await putBlob(content, blob), bench.target(format));
      assert.deepEqual({ digest, size }, { digest: sha256(baseLayer), size: baseLayer.length }, name);
    }
  });

  law('stream: bytes behind the archive are of the digest', async ({ bench, content, differ }) => {
    for (const end of [Buffer.alloc(1), Buffer.alloc(5_000_000), Buffer.from('garbage'), tar({ name: 'y' })]) {
      const layer = Buffer.concat([tar({ name: 'x' }), end]);
      for (const blob of [layer, gzipSync(layer)]) {
        const { digest, size } = await differ.apply(await putBlob(content, blob), bench.target(format));
        assert.deepEqual({ digest, size }, { digest: sha256(layer), size: layer.length });
      }
    }
  });

  law('stream: the descriptor says that it is of an uncompressed layer', async ({ bench, content, differ }) => {
    const { mediaType } = await differ.apply(await putBlob(content, gzipped, `${layerMediaType}+gzip`), bench.target(format));
    assert.equal(mediaType, layerMediaType);
  });

  for (const [name, blob] of Object.entries(damaged)) {
    law(`stream: ${name} is data-loss`, async ({ bench, content, differ }) => {
      await expectKind(differ.apply(await putBlob(content, blob), bench.target(format)), 'data-loss');
    });
  }

  for (const [name, blob] of Object.entries(unknown)) {
    law(`stream: ${name} is unimplemented, and named`, async ({ bench, content, differ }) => {
      const work = differ.apply(await putBlob(content, blob), bench.target(format));
      await expectKind(work, 'unimplemented');
      await assert.rejects(work, new RegExp(name));
    });
  }
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
