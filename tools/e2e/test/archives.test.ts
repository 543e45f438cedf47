import { execFileSync } from 'node:child_process';
import {
  cpSync,
  createReadStream,
  createWriteStream,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { imageLayout, blobFile as layoutBlob, putJson, readImage } from '@slipway/fixtures';
import type { Engine } from 'slipway';
import { describe, expect, it } from 'vitest';
import { blobFile, leftInPlace, makePlace, type Place } from './place.ts';
import { everythingKept } from './store.ts';

const [demo, small, multi] = [imageLayout('demo'), imageLayout('small'), imageLayout('medium-multi')];
const digest = readImage(demo).manifestDigest;
const name = 'docker.io/test/demo:1';

/** An engine on a place of its own, which is as if nothing had been done when it ends. */
async function onPlace(use: (engine: Engine, place: Place, at: (name: string) => string) => Promise<void>): Promise<void> {
  using place = makePlace();
  {
    await using engine = await place.open();
    await use(engine, place, (file) => path.join(place.folder, file));
  }
  const spool = path.join(place.root, 'spool');
  expect([...leftInPlace(place), ...(existsSync(spool) ? readdirSync(spool) : [])]).toEqual([]);
}

const outputOf = async (engine: Engine, place: Place, image: string, pull?: 'never'): Promise<string> => {
  const container = await engine.run({ image, pull, name: path.basename(place.folder) });
  return (await container.output()).stdout.toString();
};

describe('a name that leads to an archive', () => {
  it('is run, found, verified, repaired and removed like any other', () =>
    onPlace(async (engine, place, at) => {
      cpSync(demo, at('layout'), { recursive: true });
      const image = `oci:${at('layout')}:latest`;
      expect(await outputOf(engine, place, image)).toContain('Hello from a container');
      expect(await outputOf(engine, place, image, 'never')).toContain('Hello from a container');
      expect((await engine.images.inspect(image)).target.digest).toBe(digest);
      expect((await engine.images.list()).map((one) => one.name)).toEqual([image]);
      const [layer = ''] = readImage(demo).manifest.layers.map((one) => one.digest);
      writeFileSync(blobFile(place, layer), 'damaged');
      const report = await engine.system.verify({ repair: true });
      expect(JSON.stringify(report)).toContain(layer);
      expect(readFileSync(blobFile(place, layer)).equals(readFileSync(layoutBlob(demo, layer)))).toBe(true);
      rmSync(at('layout'), { recursive: true });
      expect(await outputOf(engine, place, image)).toContain('Hello from a container');
      await engine.images.remove(image);
      await engine.system.prune();
      expect(await engine.images.list()).toEqual([]);
    }));

  it('is the same from wherever it is said, and of a folder that is not there the error says what else was perhaps meant', () =>
    onPlace(async (engine, place, at) => {
      cpSync(demo, at('layout'), { recursive: true });
      const before = process.cwd();
      process.chdir(place.folder);
      try {
        expect((await engine.pull('oci:./layout/../layout')).name).toBe(`oci:${at('layout')}`);
        expect((await engine.images.inspect('oci:layout')).target.digest).toBe(digest);
        await expect(engine.pull('oci:latest')).rejects.toMatchObject({
          code: 'ARCHIVE_NOT_FOUND',
          hint: expect.stringContaining('docker.io/library/oci:latest') as string,
        });
      } finally {
        process.chdir(before);
      }
    }));

  it('keeps its layers where those of registries are discarded, and survives a rebuild of the books', async () => {
    using place = makePlace('[pull]\ndiscard_unpacked_layers = true');
    const image = `oci:${demo}:latest`;
    {
      await using engine = await place.open();
      await engine.pull(image);
      const layers = readImage(demo).manifest.layers;
      for (const layer of layers) expect(existsSync(blobFile(place, layer.digest))).toBe(true);
    }
    rmSync(path.join(place.root, 'metadata.v1'), { recursive: true });
    const { rebuildStore } = await import('slipway');
    const rebuilt = await rebuildStore(place.options);
    expect(JSON.stringify(rebuilt)).toContain(image);
    await using engine = await place.open();
    expect(await outputOf(engine, place, image, 'never')).toContain('Hello from a container');
  });
});

describe('load', () => {
  it('takes a folder, a file, a compressed file and a stream, and leaves nothing but the image', () =>
    onPlace(async (engine, place, at) => {
      await engine.images.load(demo, { name });
      await engine.images.save([name], { output: at('demo.tar') });
      writeFileSync(at('demo.tar.gz'), gzipSync(readFileSync(at('demo.tar'))));
      for (const source of [at('demo.tar'), at('demo.tar.gz'), createReadStream(at('demo.tar'))]) {
        await engine.images.remove(name);
        const [image] = await engine.images.load(source);
        expect([image?.name, image?.target.digest, image?.replaced]).toEqual([name, digest, undefined]);
        expect(await outputOf(engine, place, name, 'never')).toContain('Hello from a container');
      }
      await engine.images.remove(name);
      expect(await everythingKept(place)).toEqual([]);
    }));

  it('gives the names that the archive states to its images, tells what they meant, and touches no other', () =>
    onPlace(async (engine, _place, at) => {
      await engine.images.load(demo, { name });
      await engine.images.load(demo, { name: 'docker.io/test/kept:1' });
      await engine.images.save([name], { output: at('demo.tar') });
      const [image] = await engine.images.load(small, { name });
      expect(image?.replaced).toBe(digest);
      expect((await engine.images.load(at('demo.tar')))[0]?.replaced).toBe(readImage(small).manifestDigest);
      const names = (await engine.images.list()).map((one) => [one.name, one.target.digest]);
      expect(names).toEqual([
        [name, digest],
        ['docker.io/test/kept:1', digest],
      ]);
    }));

  it('brings in every platform that the archive has, and saves them again as the same bytes', () =>
    onPlace(async (engine, place, at) => {
      const [image] = await engine.images.load(multi, { name: 'docker.io/test/multi:1' });
      expect(image?.target.digest).toBe(readImage(multi).top.digest);
      await engine.images.save(['docker.io/test/multi:1'], { output: at('first.tar') });
      {
        using other = makePlace();
        await using second = await other.open();
        await second.images.load(at('first.tar'));
        await second.images.save(['docker.io/test/multi:1'], { output: at('second.tar') });
      }
      expect(execFileSync('cmp', [at('first.tar'), at('second.tar')]).length).toBe(0);
      await engine.images.remove('docker.io/test/multi:1');
      expect(await everythingKept(place)).toEqual([]);
    }));

  it('without a usable name, with two images for one name, or of a digest that lies, stores nothing', () =>
    onPlace(async (engine, place, at) => {
      await expect(engine.images.load(demo)).rejects.toMatchObject({ code: 'ARCHIVE_IMAGE_UNNAMED' });
      await engine.images.copy(`oci:${demo}:latest`, `oci:${at('two')}:docker.io/test/a:1`);
      await engine.images.copy(`oci:${small}:latest`, `oci:${at('two')}:docker.io/test/b:1`);
      await expect(engine.images.load(at('two'), { name })).rejects.toMatchObject({ code: 'ARCHIVE_IMAGE_AMBIGUOUS' });
      const index = readFileSync(path.join(at('two'), 'index.json'), 'utf8');
      writeFileSync(path.join(at('two'), 'index.json'), index.replaceAll('test/b:1', 'test/a:1'));
      await expect(engine.images.load(at('two'))).rejects.toMatchObject({ code: 'ARCHIVE_IMAGE_AMBIGUOUS' });
      const other = `docker.io/test/b@${digest.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}`;
      writeFileSync(path.join(at('two'), 'index.json'), index.replaceAll('docker.io/test/b:1', other));
      await expect(engine.images.load(at('two'))).rejects.toMatchObject({ code: 'ARCHIVE_NAME_MISMATCH' });
      expect(await everythingKept(place)).toEqual([]);
    }));

  it('of content that is not what it is said to be stores nothing', () =>
    onPlace(async (engine, place, at) => {
      for (const which of [0, 1, 2]) {
        cpSync(demo, at(`bad${which}`), { recursive: true });
        const { manifest, manifestDigest } = readImage(demo);
        const blob = [manifestDigest, manifest.config.digest, manifest.layers[1]?.digest ?? ''][which] ?? '';
        const bytes = Buffer.from(readFileSync(layoutBlob(demo, blob)));
        bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
        writeFileSync(layoutBlob(at(`bad${which}`), blob), bytes);
        await expect(engine.images.load(at(`bad${which}`), { name })).rejects.toMatchObject({ kind: 'failed-precondition' });
      }
      cpSync(demo, at('cut'), { recursive: true });
      truncateSync(layoutBlob(at('cut'), readImage(demo).manifest.layers[0]?.digest ?? ''), 100);
      await expect(engine.images.load(at('cut'), { name })).rejects.toMatchObject({ kind: 'failed-precondition' });
      expect(await everythingKept(place)).toEqual([]);
    }));

  it('is canceled while it waits for its stream, and nothing stays', () =>
    onPlace(async (engine, place) => {
      const stop = new AbortController();
      const stream = new PassThrough();
      stream.write(Buffer.alloc(10, 'x'));
      const loading = engine.images.load(stream, { signal: stop.signal });
      setTimeout(() => stop.abort(), 100);
      await expect(loading).rejects.toMatchObject({ kind: 'canceled' });
      expect(await everythingKept(place)).toEqual([]);
    }));
});

describe('save', () => {
  it('writes the same to a file and to a stream, and leaves a file as it was when it fails', () =>
    onPlace(async (engine, place, at) => {
      await engine.images.load(demo, { name });
      await engine.images.save([name], { output: at('file.tar') });
      await engine.images.save([name], { output: createWriteStream(at('stream.tar')) });
      expect(readFileSync(at('stream.tar')).equals(readFileSync(at('file.tar')))).toBe(true);
      await expect(engine.images.save([name, 'nothing:here'], { output: at('file.tar') })).rejects.toMatchObject({
        kind: 'not-found',
      });
      const [layer = ''] = readImage(demo).manifest.layers.map((one) => one.digest);
      writeFileSync(blobFile(place, layer), Buffer.alloc(readFileSync(layoutBlob(demo, layer)).length, 'x'));
      for (const format of ['oci-archive', 'docker-archive'] as const)
        await expect(engine.images.save([name], { output: at('file.tar'), format })).rejects.toMatchObject({
          code: 'CONTENT_DAMAGED',
          kind: 'data-loss',
        });
      expect(readFileSync(at('stream.tar')).equals(readFileSync(at('file.tar')))).toBe(true);
      expect(readdirSync(place.folder).filter((one) => one.startsWith('.'))).toEqual([]);
    }));

  it('is canceled when nobody reads what it writes', () =>
    onPlace(async (engine) => {
      await engine.images.load(demo, { name });
      const stop = new AbortController();
      const saving = engine.images.save([name], { output: new PassThrough(), signal: stop.signal });
      setTimeout(() => stop.abort(), 200);
      await expect(saving).rejects.toMatchObject({ kind: 'canceled' });
    }));

  it('says which content is missing, and what else it cannot do', () =>
    onPlace(async (engine, place, at) => {
      await engine.images.load(multi, { name: 'docker.io/test/multi:1' });
      await expect(
        engine.images.save(['docker.io/test/multi:1'], { output: at('x.tar'), platform: { os: 'plan9', architecture: 'mips' } }),
      ).rejects.toMatchObject({ code: 'PLATFORM_NOT_FOUND' });
      await expect(
        engine.images.save(['docker.io/test/multi:1'], { output: new PassThrough(), format: 'oci' }),
      ).rejects.toMatchObject({
        code: 'ARCHIVE_FORMAT_NEEDS_PATH',
      });
      await expect(engine.images.save(['docker.io/test/multi:1'], { output: place.folder, format: 'oci' })).rejects.toMatchObject(
        {
          code: 'ARCHIVE_FORMAT_UNKNOWN',
        },
      );
      expect(existsSync(at('x.tar'))).toBe(false);
    }));
});

describe('copy', () => {
  it('goes from archive to archive and stores nothing here', () =>
    onPlace(async (engine, place, at) => {
      const steps = [`oci:${at('a')}:v1`, `oci-archive:${at('b.tar')}:v1`, `oci:${at('c')}:v2`, `oci-archive:${at('b.tar')}:v2`];
      let from = `oci:${demo}:latest`;
      for (const to of steps) {
        expect((await engine.images.copy(from, to)).target.digest).toBe(digest);
        from = to;
      }
      await engine.images.copy(from, `docker-archive:${at('d.tar')}:app:1`);
      await engine.images.copy(`oci:${small}:latest`, `docker-archive:${at('d.tar')}:app:2`);
      await engine.images.copy(`docker-archive:${at('d.tar')}:app:1`, `oci:${at('e')}`);
      const entries = execFileSync('tar', ['xOf', at('d.tar'), 'manifest.json'], { encoding: 'utf8' });
      expect((JSON.parse(entries) as { RepoTags: string[] }[]).map((one) => one.RepoTags)).toEqual([
        ['docker.io/library/app:1'],
        ['docker.io/library/app:2'],
      ]);
      writeFileSync(at('letter'), 'dear');
      await expect(engine.images.copy(from, `oci-archive:${at('letter')}`)).rejects.toMatchObject({
        code: 'ARCHIVE_FORMAT_UNKNOWN',
      });
      expect(readFileSync(at('letter'), 'utf8')).toBe('dear');
      expect(await everythingKept(place)).toEqual([]);
    }));

  it('takes what refers to an image along, which is listed and is no image', () =>
    onPlace(async (engine, _place, at) => {
      cpSync(demo, at('a'), { recursive: true });
      const index = path.join(at('a'), 'index.json');
      const written = JSON.parse(readFileSync(index, 'utf8')) as { manifests: { digest: string }[] };
      const [subject] = written.manifests;
      const empty = putJson(at('a'), 'application/vnd.oci.empty.v1+json', {});
      const artifactType = 'application/vnd.test.signature';
      const type = 'application/vnd.oci.image.manifest.v1+json';
      const document = { schemaVersion: 2, mediaType: type, artifactType, config: empty, layers: [empty], subject };
      const signature = putJson(at('a'), type, document);
      writeFileSync(index, JSON.stringify({ ...written, manifests: [...written.manifests, { ...signature, artifactType }] }));
      const expected = [expect.objectContaining({ digest: signature.digest, artifactType })];
      let from = `oci:${at('a')}`;
      expect(await engine.images.referrers(from)).toEqual(expected);
      for (const to of [`oci-archive:${at('b.tar')}`, `oci:${at('c')}`, `oci-archive:${at('d.tar')}:app:1`]) {
        await engine.images.copy(from, to, { referrers: true });
        expect(await engine.images.referrers(to)).toEqual(expected);
        from = to;
      }
      expect((await engine.images.load(at('d.tar'))).map((image) => image.name)).toEqual(['docker.io/library/app:1']);
    }));
});
