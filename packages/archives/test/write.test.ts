import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import {
  type ByteSink,
  LayoutFolder,
  namedEntry,
  openArchive,
  referredEntry,
  streamSink,
  writeArchiveFile,
  writeDockerArchive,
  writeOciArchive,
} from '@slipway/archives';
import type { Descriptor } from '@slipway/plugin-api';
import { afterAll, describe, expect, test } from 'vitest';
import { type Blob, blob, hexOf, imageName, imageOf, refName, sha256, sourceOf } from './made-archive.js';

const folder = mkdtempSync(path.join(tmpdir(), 'slipway-archives-'));
afterAll(() => rmSync(folder, { recursive: true }));
const spoolFolder = path.join(folder, 'spool');
let places = 0;
const place = (): string => path.join(folder, `place-${++places}`);

const image = await imageOf(['a', 'b']);
const other = await imageOf(['a', 'c']);
const all = [...image.blobs, ...other.blobs];
const descriptorsOf = (blobs: readonly Blob[]): Descriptor[] => blobs.map(({ descriptor }) => descriptor);

function memorySink(): ByteSink & { bytes(): Buffer } {
  const chunks: Buffer[] = [];
  return { write: async (chunk) => void chunks.push(Buffer.from(chunk)), bytes: () => Buffer.concat(chunks) };
}

interface Index {
  readonly extra?: string;
  readonly manifests: readonly (Descriptor & { readonly own?: number })[];
}

describe('a layout in a folder', () => {
  const indexOf = (at: string): Index => JSON.parse(readFileSync(path.join(at, 'index.json'), 'utf8')) as Index;
  const put = async (at: string, blobs: readonly Blob[], entries: readonly Descriptor[]): Promise<void> => {
    await using layout = await LayoutFolder.open(at);
    for (const { descriptor } of blobs) if (!(await layout.has(descriptor))) await layout.put(descriptor, sourceOf(blobs));
    await layout.name(entries);
  };

  test('is made where there is none, and keeps what is there', async () => {
    const at = path.join(place(), 'deep', 'layout');
    await put(at, image.blobs, [namedEntry(image.manifest.descriptor, 'docker.io/library/app:1')]);
    await put(at, other.blobs, [namedEntry(other.manifest.descriptor, 'docker.io/library/other:1')]);
    await using archive = await openArchive(at, { spoolFolder });
    expect(archive.images).toEqual([
      { target: image.manifest.descriptor, names: ['docker.io/library/app:1', '1'] },
      { target: other.manifest.descriptor, names: ['docker.io/library/other:1', '1'] },
    ]);
    for (const { descriptor } of all) {
      await using file = await archive.open(descriptor.digest);
      expect(file?.size).toBe(descriptor.size);
    }
    expect(readdirSync(at).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  test('gives a name to the image that has it last, and keeps entries as other programs wrote them', async () => {
    const at = place();
    await put(at, image.blobs, [
      referredEntry(image.manifest.descriptor, 'v1'),
      referredEntry(image.manifest.descriptor, undefined),
    ]);
    const { manifests } = indexOf(at);
    writeFileSync(
      path.join(at, 'index.json'),
      JSON.stringify({
        schemaVersion: 2,
        manifests: [...manifests, { ...image.manifest.descriptor, own: 1, annotations: { [refName]: 'kept' } }],
      }),
    );
    await put(at, other.blobs, [
      referredEntry(other.manifest.descriptor, 'v1'),
      referredEntry(other.manifest.descriptor, 'x/y:2'),
    ]);
    expect(indexOf(at).manifests).toEqual([
      image.manifest.descriptor,
      { ...image.manifest.descriptor, own: 1, annotations: { [refName]: 'kept' } },
      { ...other.manifest.descriptor, annotations: { [refName]: 'v1' } },
      { ...other.manifest.descriptor, annotations: { [refName]: 'x/y:2', [imageName]: 'docker.io/x/y:2' } },
    ]);
  });

  test('loses no entry when many name images at once', async () => {
    const at = place();
    await put(at, image.blobs, []);
    await Promise.all(Array.from({ length: 20 }, (_, one) => put(at, [], [referredEntry(image.manifest.descriptor, `v${one}`)])));
    expect(indexOf(at).manifests).toHaveLength(20);
    expect(readdirSync(at).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  test('has nothing of content that is not what its descriptor says', async () => {
    const at = place();
    await using layout = await LayoutFolder.open(at);
    const { descriptor, bytes } = image.config;
    for (const wrong of [Buffer.from('x'), Buffer.alloc(bytes.length, 'x'), Buffer.concat([bytes, bytes])]) {
      const put = layout.put(descriptor, sourceOf([{ descriptor, bytes: wrong }]));
      await expect(put).rejects.toMatchObject({ code: 'ARCHIVE_CONTENT_MISMATCH', kind: 'failed-precondition' });
    }
    expect(readdirSync(at).sort()).toEqual(['index.json', 'oci-layout']);
    expect(await layout.has(descriptor)).toBe(false);
  });

  test('is not made in a folder with something else, nor of a file', async () => {
    const at = place();
    mkdirSync(at);
    writeFileSync(path.join(at, 'letter'), 'dear');
    await expect(LayoutFolder.open(at)).rejects.toMatchObject({ code: 'ARCHIVE_FORMAT_UNKNOWN' });
    expect(readdirSync(at)).toEqual(['letter']);
    await expect(LayoutFolder.open(path.join(at, 'letter'))).rejects.toMatchObject({ code: 'ARCHIVE_FORMAT_UNKNOWN' });
  });

  test('is written to inside alone, wherever its links lead', async () => {
    const [at, outside] = [place(), place()];
    mkdirSync(outside);
    await put(at, [], []);
    symlinkSync(outside, path.join(at, 'blobs'));
    await expect(put(at, image.blobs, [])).rejects.toThrow();
    rmSync(path.join(at, 'blobs'));
    mkdirSync(path.join(at, 'blobs'));
    symlinkSync(outside, path.join(at, 'blobs/sha256'));
    await expect(put(at, image.blobs, [])).rejects.toThrow();
    expect(readdirSync(outside)).toEqual([]);
  });

  test('gets the right bytes where other ones of the same size lie under a digest', async () => {
    const at = place();
    const [layer] = image.layers;
    if (layer === undefined) throw new Error('no layer');
    const file = path.join(at, 'blobs', 'sha256', hexOf(layer.descriptor.digest));
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(path.join(at, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    writeFileSync(path.join(at, 'index.json'), '{"schemaVersion":2,"manifests":[]}');
    writeFileSync(file, Buffer.alloc(layer.descriptor.size));
    await put(at, image.blobs, [image.manifest.descriptor]);
    expect(readFileSync(file).equals(layer.bytes)).toBe(true);
  });

  test('is never given an index that is too large to be read again', async () => {
    const at = place();
    const entries = Array.from({ length: 1001 }, (_, n) => namedEntry(image.manifest.descriptor, `docker.io/library/app:${n}`));
    await put(at, image.blobs, entries.slice(1));
    await expect(put(at, [], entries.slice(0, 1))).rejects.toMatchObject({ code: 'ARCHIVE_TOO_LARGE' });
    await using archive = await openArchive(at, { spoolFolder });
    expect(archive.images).toHaveLength(1000);
    const content = { content: [], source: sourceOf([]) };
    await expect(writeOciArchive(memorySink(), { entries, ...content })).rejects.toMatchObject({ code: 'ARCHIVE_TOO_LARGE' });
  });

  test('is waited for no longer than its signal says while somebody has locked it', async () => {
    const at = place();
    mkdirSync(at);
    const other = spawn('flock', [at, 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    try {
      other.stdin.write('locked');
      await once(other.stdout, 'data');
      await expect(LayoutFolder.open(at, AbortSignal.timeout(50))).rejects.toMatchObject({ kind: 'canceled' });
    } finally {
      other.stdin.end();
      await once(other, 'close');
    }
  });

  test('is written to whatever else begins like the names of its unfinished files', async () => {
    const at = place();
    await put(at, [], []);
    mkdirSync(path.join(at, '.slipway-folder', 'full'), { recursive: true });
    symlinkSync('/dev/full', path.join(at, '.slipway-link'));
    const socket = createServer().listen(path.join(at, '.slipway-socket'));
    await once(socket, 'listening');
    await put(at, image.blobs, [image.manifest.descriptor]);
    socket.close();
    await using archive = await openArchive(at, { spoolFolder });
    expect(archive.images).toHaveLength(1);
  });

  test('is rid of what a killed writer left', async () => {
    const at = place();
    await put(at, [], []);
    writeFileSync(path.join(at, '.slipway-0123456789abcdef'), 'half');
    await put(at, image.blobs, []);
    expect(readdirSync(at).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });
});

describe('an OCI archive', () => {
  const entries = [
    namedEntry(image.manifest.descriptor, 'docker.io/library/app:1'),
    namedEntry(other.manifest.descriptor, undefined),
  ];

  test('is the same bytes for the same images, in whatever order their content comes', async () => {
    const [one, two] = [memorySink(), memorySink()];
    await writeOciArchive(one, { entries, content: descriptorsOf(all), source: sourceOf(all) });
    await writeOciArchive(two, { entries, content: descriptorsOf([...all, ...image.blobs].reverse()), source: sourceOf(all) });
    expect(one.bytes().equals(two.bytes())).toBe(true);
  });

  test('is what tar(1) reads', async () => {
    const file = place();
    await writeArchiveFile(file, (sink) =>
      writeOciArchive(sink, { entries, content: descriptorsOf(all), source: sourceOf(all) }),
    );
    const names = execFileSync('tar', ['tf', file], { encoding: 'utf8' }).trim().split('\n');
    expect(names.slice(0, 2)).toEqual(['oci-layout', 'index.json']);
    expect(names.slice(2)).toEqual([...new Set(all.map(({ descriptor }) => `blobs/sha256/${hexOf(descriptor.digest)}`))].sort());
  });
});

describe('a docker-archive', () => {
  const write = async (
    images: Parameters<typeof writeDockerArchive>[1]['images'],
    blobs: readonly Blob[] = all,
  ): Promise<Buffer> => {
    const sink = memorySink();
    await writeDockerArchive(sink, { images, source: sourceOf(blobs), spoolFolder });
    expect(readdirSync(spoolFolder)).toEqual([]);
    return sink.bytes();
  };

  test('has layers uncompressed, each once, and reads as the same images', async () => {
    const file = place();
    const bytes = await write([
      { target: image.manifest.descriptor, names: ['docker.io/library/app:1', 'docker.io/library/app:2'] },
      { target: other.manifest.descriptor, names: [] },
    ]);
    writeFileSync(file, bytes);
    const names = execFileSync('tar', ['tf', file], { encoding: 'utf8' }).trim().split('\n');
    expect(names.filter((name) => name.endsWith('.tar')).sort()).toEqual(
      [...new Set([...image.tars, ...other.tars].map((tar) => `${hexOf(sha256(tar))}.tar`))].sort(),
    );
    await using archive = await openArchive(file, { spoolFolder });
    expect(archive.images.map((one) => one.names)).toEqual([['docker.io/library/app:1', 'docker.io/library/app:2'], []]);
    const uncompressed = await imageOf(['a', 'b'], { compressed: false });
    expect(archive.images[0]?.target.digest).toBe(uncompressed.manifest.descriptor.digest);
  });

  test('takes no index, no artifact, and no layer that is another than its config says', async () => {
    const index = blob('application/vnd.oci.image.index.v1+json', { schemaVersion: 2, manifests: [image.manifest.descriptor] });
    await expect(write([{ target: index.descriptor, names: [] }], [index])).rejects.toMatchObject({
      code: 'ARCHIVE_IMAGE_UNFIT',
    });
    const artifact = blob('application/vnd.oci.image.manifest.v1+json', {
      schemaVersion: 2,
      config: blob('application/vnd.oci.empty.v1+json', '{}').descriptor,
      layers: [],
    });
    await expect(write([{ target: artifact.descriptor, names: [] }], [artifact])).rejects.toMatchObject({
      code: 'ARCHIVE_IMAGE_UNFIT',
    });
    const lying = blob('application/vnd.oci.image.manifest.v1+json', {
      schemaVersion: 2,
      config: image.config.descriptor,
      layers: other.layers.map(({ descriptor }) => descriptor),
    });
    await expect(write([{ target: lying.descriptor, names: [] }], [...all, lying])).rejects.toMatchObject({
      code: 'ARCHIVE_CONTENT_MISMATCH',
    });
  });
});

describe('a file', () => {
  test('is as before until all of it is written', async () => {
    const file = place();
    writeFileSync(file, 'before');
    const failing = writeArchiveFile(file, async (sink) => {
      await sink.write(Buffer.from('after'));
      throw new Error('no more');
    });
    await expect(failing).rejects.toThrow('no more');
    expect(readFileSync(file, 'utf8')).toBe('before');
    writeFileSync(path.join(folder, `.${path.basename(file)}.slipway-left`), 'by a killed one');
    const link = `${file}-link`;
    symlinkSync(file, link);
    await writeArchiveFile(link, (sink) => sink.write(Buffer.from('after')));
    expect(readFileSync(file, 'utf8')).toBe('after');
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('is for nobody to read who could not read it before', async () => {
    const file = place();
    writeFileSync(file, 'before', { mode: 0o640 });
    await writeArchiveFile(file, (sink) => sink.write(Buffer.from('after')));
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  test('that is a device is written to, and a folder is refused', async () => {
    await writeArchiveFile('/dev/null', (sink) => sink.write(Buffer.from('x')));
    await expect(writeArchiveFile('/dev/full', (sink) => sink.write(Buffer.from('x')))).rejects.toMatchObject({
      kind: 'resource-exhausted',
    });
    await expect(writeArchiveFile(folder, async () => undefined)).rejects.toMatchObject({ code: 'ARCHIVE_IMAGE_UNFIT' });
    expect(existsSync('/dev/null')).toBe(true);
  });
});

describe('a FIFO', () => {
  const madeFifo = (): string => {
    const fifo = place();
    execFileSync('mkfifo', [fifo]);
    return fifo;
  };

  test('without a reader, and with one that stops, is waited for until the signal says otherwise', async () => {
    const fifo = madeFifo();
    const nobody = new AbortController();
    const waiting = writeArchiveFile(fifo, (sink) => sink.write(Buffer.from('x')), nobody.signal);
    nobody.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'canceled' });

    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const stopped = new AbortController();
    const writing = writeArchiveFile(
      fifo,
      async (sink) => {
        setImmediate(() => stopped.abort());
        for (;;) await sink.write(Buffer.alloc(1 << 16));
      },
      stopped.signal,
    );
    await expect(writing).rejects.toMatchObject({ kind: 'canceled' });
    closeSync(reader);
  });

  test('takes everything, and ends the writing when its reader goes', async () => {
    const fifo = madeFifo();
    const bytes = randomBytes(3_000_000);
    const reading = readFile(fifo);
    await writeArchiveFile(fifo, async (sink) => {
      for (let at = 0; at < bytes.length; at += 70_000) await sink.write(bytes.subarray(at, at + 70_000));
    });
    expect((await reading).equals(bytes)).toBe(true);

    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const gone = writeArchiveFile(fifo, async (sink) => {
      closeSync(reader);
      for (;;) await sink.write(Buffer.alloc(1 << 16));
    });
    await expect(gone).rejects.toMatchObject({ message: expect.stringContaining('EPIPE') as string });
  });
});

describe('a stream', () => {
  test('whose reader stops is waited for until the signal says otherwise', async () => {
    const stop = new AbortController();
    const sink = streamSink(new Writable({ write: () => undefined }), stop.signal);
    const writing = sink.write(Buffer.alloc(10));
    setImmediate(() => stop.abort());
    await expect(writing).rejects.toMatchObject({ kind: 'canceled' });
  });

  test('whose reader has gone ends the writing', async () => {
    const stream = new PassThrough();
    stream.destroy();
    await expect(streamSink(stream, undefined).write(Buffer.alloc(10))).rejects.toMatchObject({ code: 'EPIPE' });
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('broken')) });
    await expect(streamSink(broken, undefined).write(Buffer.alloc(10))).rejects.toThrow('broken');
  });
});
