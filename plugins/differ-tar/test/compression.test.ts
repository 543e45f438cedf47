import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { constants, createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { Bench } from './bench.js';
import { layer, sha256 } from './layer.js';

const big = randomBytes(3 << 20);
const plain = await layer({ a: 'content of a', 'd/big': big, 'd/b': 'b' });
const half = plain.length / 2;
const skippable = Buffer.concat([Buffer.from([0x55, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from('skip!')]);
const withTail = Buffer.concat([plain, Buffer.from('trailing garbage')]);

test.each([
  ['plain', plain, plain],
  ['gzip', gzipSync(plain), plain],
  [
    'gzip of several members',
    Buffer.concat([gzipSync(plain.subarray(0, half)), gzipSync(''), gzipSync(plain.subarray(half))]),
    plain,
  ],
  [
    'gzip of a member for each kilobyte',
    Buffer.concat(slices(plain, 1 << 15).map((part) => gzipSync(part, { level: 1 }))),
    plain,
  ],
  ['zstd', zstdCompressSync(plain), plain],
  [
    'zstd of several frames and skippable ones',
    Buffer.concat([
      skippable,
      zstdCompressSync(plain.subarray(0, half)),
      skippable,
      zstdCompressSync(plain.subarray(half)),
      skippable,
    ]),
    plain,
  ],
  ['plain with a tail', withTail, withTail],
  ['gzip with a tail inside', gzipSync(withTail), withTail],
  ['zstd with a tail inside', zstdCompressSync(withTail), withTail],
])('%s: whole content, and the digest of all of it', async (_, blob, uncompressed) => {
  await using bench = new Bench();
  const differ = await bench.differ();
  for (const mediaType of [
    'application/vnd.oci.image.layer.v1.tar+gzip',
    'application/vnd.oci.image.layer.v1.tar',
    'application/x-other',
  ]) {
    const target = bench.target();
    const result = await differ.apply(await bench.content.put(blob, mediaType), target);
    expect(result).toEqual({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: sha256(uncompressed),
      size: uncompressed.length,
    });
    expect(readFileSync(path.join(target.path, 'a'), 'utf8')).toBe('content of a');
    expect(readFileSync(path.join(target.path, 'd/big')).equals(big)).toBe(true);
    expect(readFileSync(path.join(target.path, 'd/b'), 'utf8')).toBe('b');
  }
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['gzip of nothing', gzipSync('')],
  ['zstd of nothing', zstdCompressSync('')],
])('%s is an empty layer', async (_, blob) => {
  await using bench = new Bench();
  const differ = await bench.differ();
  const target = bench.target();
  expect(await differ.apply(await bench.content.put(blob), target)).toMatchObject({ digest: sha256(Buffer.alloc(0)), size: 0 });
  expect(readdirSync(target.path)).toEqual([]);
});

const zip = gzipSync(plain);
const zst = zstdCompressSync(plain, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
const flipped = (blob: Buffer, at: number): Buffer => {
  const copy = Buffer.from(blob);
  copy[at] = (copy[at] ?? 0) ^ 0xff;
  return copy;
};

const damagedBlobs: readonly (readonly [string, Buffer])[] = [
  ['gzip without its last byte', zip.subarray(0, -1)],
  ['gzip without its trailer', zip.subarray(0, -8)],
  ['half a gzip', zip.subarray(0, zip.length / 2)],
  ['only a gzip magic', zip.subarray(0, 2)],
  ['gzip with a wrong CRC', flipped(zip, zip.length - 8)],
  ['gzip with a wrong length', flipped(zip, zip.length - 1)],
  ['gzip with a wrong second member', Buffer.concat([zip, flipped(zip, zip.length - 8)])],
  ['gzip and half a second member', Buffer.concat([zip, zip.subarray(0, 100)])],
  ['gzip and garbage', Buffer.concat([zip, Buffer.from('garbage')])],
  ['gzip and zeros', Buffer.concat([zip, Buffer.alloc(100)])],
  ['gzip and one zero', Buffer.concat([zip, Buffer.alloc(1)])],
  ['gzip and zeros and gzip', Buffer.concat([zip, Buffer.alloc(512), zip])],
  ['gzip and half a magic', Buffer.concat([zip, Buffer.from([0x1f])])],
  ['zstd without its last byte', zst.subarray(0, -1)],
  ['half a zstd', zst.subarray(0, zst.length / 2)],
  ['zstd with a wrong checksum', flipped(zst, zst.length - 1)],
  ['zstd and garbage', Buffer.concat([zst, Buffer.from('garbage')])],
  ...[1, 2, 3, 4, 5].map((count): [string, Buffer] => [
    `zstd and the first ${count} bytes of another`,
    Buffer.concat([zst, zst.subarray(0, count)]),
  ]),
  ...[1, 4].map((count): [string, Buffer] => [`zstd and ${count} bytes of zeros`, Buffer.concat([zst, Buffer.alloc(count)])]),
  // Without a checksum and not compressible: nothing but the missing bytes tells.
  ...[1, 4, 8, 100, 70_000, 140_000, 262_144, 262_152, 262_156].map((count): [string, Buffer] => [
    `unchecked zstd that lacks ${count} bytes`,
    zstdCompressSync(plain).subarray(0, -count),
  ]),
  ['zstd and zeros', Buffer.concat([zst, Buffer.alloc(100)])],
  ['zstd and half a frame', Buffer.concat([zst, zst.subarray(0, 50)])],
];

test.each(damagedBlobs)('%s is damaged', async (_, blob) => {
  await using bench = new Bench();
  const differ = await bench.differ();
  await expect(differ.apply(await bench.content.put(blob), bench.target())).rejects.toMatchObject({
    kind: 'data-loss',
    code: 'LAYER_COMPRESSION_DAMAGED',
  });
});

test.each([
  ['bzip2', Buffer.from('BZh91AY&SY')],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4])],
])('%s is named as unsupported', async (name, blob) => {
  await using bench = new Bench();
  const differ = await bench.differ();
  await expect(differ.apply(await bench.content.put(blob), bench.target())).rejects.toMatchObject({
    kind: 'unimplemented',
    message: expect.stringContaining(name),
  });
});

test('a zstd window over 128 MiB is refused, not allocated', async () => {
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: 30 } });
  const parts: Buffer[] = [];
  compress.on('data', (part: Buffer) => parts.push(part));
  const finished = new Promise((resolve) => compress.on('end', resolve));
  compress.write(plain);
  compress.end();
  await finished;
  await using bench = new Bench();
  const differ = await bench.differ();
  await expect(differ.apply(await bench.content.put(Buffer.concat(parts)), bench.target())).rejects.toMatchObject({
    kind: 'resource-exhausted',
    code: 'LAYER_TOO_LARGE',
  });
});

test('a bomb of zeros ends at the limit, with flat memory', async () => {
  const member = gzipSync(Buffer.alloc(64 << 20));
  const bomb = Buffer.concat(Array.from({ length: 32 }, () => member));
  await using bench = new Bench();
  const differ = await bench.differ({ max_unpacked_bytes: 1 << 30 });
  const before = process.memoryUsage().rss;
  await expect(differ.apply(await bench.content.put(bomb), bench.target())).rejects.toMatchObject({
    kind: 'resource-exhausted',
    code: 'LAYER_TOO_LARGE',
    hint: expect.stringContaining('max_unpacked_bytes'),
  });
  expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20);
});

test('a store without local files: the blob is spooled, and nothing stays', async () => {
  await using bench = new Bench({ givesFd: false });
  const differ = await bench.differ();
  const target = bench.target();
  expect(await differ.apply(await bench.content.put(zip), target)).toMatchObject({ digest: sha256(plain) });
  expect(existsSync(path.join(target.path, 'd/b'))).toBe(true);
  expect(readdirSync(bench.state)).toEqual([]);
});

function slices(bytes: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
  return parts;
}
