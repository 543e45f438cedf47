import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { contentOf, type ImageArchive, type OpenArchiveOptions, openArchive } from '@slipway/archives';
import type { Digest } from '@slipway/plugin-api';
import { afterAll, describe, expect, test } from 'vitest';
import {
  dockerMembers,
  imageName,
  imageOf,
  indexJson,
  layoutFile,
  layoutMembers,
  type Member,
  refName,
  sha256,
  tarOf,
  writeFolder,
} from './made-archive.js';

const folder = mkdtempSync(path.join(tmpdir(), 'slipway-archives-'));
afterAll(() => rmSync(folder, { recursive: true }));
const spoolFolder = path.join(folder, 'spool');
let files = 0;

function fileOf(bytes: Buffer): string {
  const file = path.join(folder, `archive-${++files}`);
  writeFileSync(file, bytes);
  return file;
}

const open = (source: string | Readable, options: Partial<OpenArchiveOptions> = {}): Promise<ImageArchive> =>
  openArchive(source, { spoolFolder, ...options });
const openTar = async (members: readonly Member[], options?: Partial<OpenArchiveOptions>): Promise<ImageArchive> =>
  open(fileOf(await tarOf(members)), options);

async function read(archive: ImageArchive, digest: Digest, offset = 0): Promise<Buffer | undefined> {
  await using file = await archive.open(digest);
  if (file === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of contentOf(file, offset)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const image = await imageOf(['a', 'b', 'c']);
const other = await imageOf(['a', 'd']);

describe('an OCI image layout', () => {
  const members = layoutMembers(image, other);
  test.each<[string, () => Promise<string | Readable>]>([
    ['in a folder', async () => writeFolder(path.join(folder, 'layout'), members)],
    ['in a tar file', async () => fileOf(await tarOf(members))],
    [
      'in a tar file whose names begin with ./',
      async () => fileOf(await tarOf(members.map((one) => ({ ...one, name: `./${one.name}` })))),
    ],
    ['compressed with gzip', async () => fileOf(gzipSync(await tarOf(members)))],
    ['compressed with zstd', async () => fileOf(zstdCompressSync(await tarOf(members)))],
    ['from a stream', async () => Readable.from([await tarOf(members)])],
    [
      'from a compressed stream in pieces of one byte',
      async () => Readable.from([...gzipSync(await tarOf(layoutMembers(image, other)))].map((byte) => Buffer.of(byte))),
    ],
  ])('is read %s', async (_, source) => {
    await using archive = await open(await source());
    expect(archive.kind).toBe('oci');
    expect(archive.images).toEqual([
      { target: image.manifest.descriptor, names: ['v1'] },
      { target: other.manifest.descriptor, names: ['v2'] },
    ]);
    for (const { descriptor, bytes } of [...image.blobs, ...other.blobs]) {
      expect((await read(archive, descriptor.digest))?.equals(bytes)).toBe(true);
      expect((await read(archive, descriptor.digest, 7))?.equals(bytes.subarray(7))).toBe(true);
    }
    expect(await read(archive, sha256('absent'))).toBeUndefined();
  });

  test('names its images as containerd and as the specification have it, and by annotations of their own', async () => {
    const annotations = { [imageName]: 'docker.io/library/app:1', [refName]: '1', own: 'kept' };
    const index = indexJson([[image.manifest.descriptor, annotations], [other.manifest.descriptor]]);
    await using archive = await openTar([layoutFile, { name: 'index.json', body: index }]);
    expect(archive.images).toEqual([
      { target: { ...image.manifest.descriptor, annotations: { own: 'kept' } }, names: ['docker.io/library/app:1', '1'] },
      { target: other.manifest.descriptor, names: [] },
    ]);
  });

  test('is what an archive of both kinds is read as, unless asked otherwise', async () => {
    const both = [...layoutMembers(image), ...dockerMembers(image)];
    await using archive = await openTar(both);
    expect([archive.kind, archive.images[0]?.target]).toEqual(['oci', image.manifest.descriptor]);
    await using docker = await openTar(both, { kind: 'docker' });
    expect([docker.kind, docker.images[0]?.names]).toEqual(['docker', ['app:1']]);
    await expect(openTar(dockerMembers(image), { kind: 'oci' })).rejects.toMatchObject({ code: 'ARCHIVE_FORMAT_UNKNOWN' });
    await expect(openTar(layoutMembers(image), { kind: 'docker' })).rejects.toMatchObject({ code: 'ARCHIVE_FORMAT_UNKNOWN' });
  });
});

describe('a docker-archive', () => {
  const diffIds = image.tars.map(sha256);

  test('gets a manifest, the same for the same content', async () => {
    await using archive = await openTar(dockerMembers(image));
    await using again = await openTar([...dockerMembers(image)].reverse());
    expect(archive.images).toEqual(again.images);
    expect(archive.images[0]?.names).toEqual(['app:1']);
    const manifest = JSON.parse(String(await read(archive, archive.images[0]?.target.digest ?? ''))) as {
      config: object;
      layers: { mediaType: string; digest: string; size: number }[];
    };
    expect(manifest.config).toEqual(image.config.descriptor);
    expect(manifest.layers.map(({ digest }) => digest)).toEqual(diffIds);
    for (const [at, { digest, size }] of manifest.layers.entries()) {
      expect(size).toBe(image.tars[at]?.length);
      expect((await read(archive, digest))?.equals(image.tars[at] ?? Buffer.of())).toBe(true);
    }
  });

  test('may have compressed layers, which are known by their own digests', async () => {
    const compressed = dockerMembers(image).map((one) =>
      one.name.endsWith('.tar') ? { ...one, body: gzipSync(Buffer.from(one.body ?? '')) } : one,
    );
    await using archive = await openTar(compressed);
    const { layers } = JSON.parse(String(await read(archive, archive.images[0]?.target.digest ?? ''))) as {
      layers: { mediaType: string; digest: string }[];
    };
    for (const { digest, mediaType } of layers) {
      expect(mediaType).toBe('application/vnd.oci.image.layer.v1.tar+gzip');
      expect(sha256((await read(archive, digest)) ?? '')).toBe(digest);
    }
  });

  test('may link to a layer of another image, as Docker did before 25', async () => {
    const [first = Buffer.of(), ...rest] = image.tars;
    const config = 'config.json';
    const layers = ['one/layer.tar', ...rest.map((_, at) => `two${at}/layer.tar`)];
    await using archive = await openTar([
      { name: 'one', type: 'directory' },
      { name: 'one/layer.tar', type: 'symlink', linkname: '../other/layer.tar' },
      { name: 'other/layer.tar', type: 'symlink', linkname: './real.tar' },
      { name: 'other/real.tar', body: first },
      ...rest.map((body, at) => ({ name: `two${at}/layer.tar`, body })),
      { name: config, body: image.config.bytes },
      { name: 'manifest.json', body: JSON.stringify([{ Config: config, RepoTags: null, Layers: layers }]) },
    ]);
    expect(archive.images[0]?.names).toEqual([]);
    expect((await read(archive, diffIds[0] ?? ''))?.equals(first)).toBe(true);
  });

  test('of before Docker 1.10 is refused by name', async () => {
    const legacy = [
      { name: 'repositories', body: '{"app":{"1":"abc"}}' },
      { name: 'abc/layer.tar', body: 'x' },
    ];
    await expect(openTar(legacy)).rejects.toMatchObject({
      kind: 'unimplemented',
      code: 'ARCHIVE_FORMAT_UNSUPPORTED',
      message: expect.stringContaining('before Docker 1.10') as string,
    });
  });
});

test('long and large members are found behind PAX and GNU headers', async () => {
  const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(90)}.tar`;
  const [tar = Buffer.of()] = (await imageOf(['x'])).tars;
  const made = await imageOf(['x']);
  const manifest = JSON.stringify([{ Config: 'c.json', RepoTags: ['app:1'], Layers: [long] }]);
  await using archive = await openTar([
    { name: long, body: tar, pax: { comment: 'x' } },
    { name: 'c.json', body: made.config.bytes },
    { name: 'manifest.json', body: manifest },
  ]);
  expect((await read(archive, sha256(tar)))?.equals(tar)).toBe(true);
});

test('nothing is left of a spooled archive, and a stopped one is canceled', async () => {
  const tar = await tarOf(layoutMembers(image));
  {
    await using archive = await open(Readable.from([tar]));
    expect(archive.images).toHaveLength(1);
    expect(readdirSync(spoolFolder)).toEqual([]);
  }
  const stop = new AbortController();
  const never = new Readable({ read: () => undefined });
  never.push(tar.subarray(0, 600));
  const opening = open(never, { signal: stop.signal });
  setImmediate(() => stop.abort());
  await expect(opening).rejects.toMatchObject({ kind: 'canceled' });
  expect(readdirSync(spoolFolder)).toEqual([]);
  expect(never.destroyed).toBe(true);
  await expect(open(fileOf(gzipSync(tar)), { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'canceled' });
});
