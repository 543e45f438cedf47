import 'reflect-metadata';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { plugin } from '@slipway/differ-tar';
import {
  type ComparedLayer,
  type CompareOptions,
  type ContentStore,
  type ContentWriter,
  type Differ,
  type LayerTarget,
  type Step,
  stepChannel,
} from '@slipway/plugin-api';
import { memoryContent, openPlugin, type Subject } from '@slipway/plugin-testkit';
import { expect, test } from 'vitest';

type OwnTree = Pick<LayerTarget, 'format' | 'path'>;

/** Two trees, a content store, and the plugin over it. */
class Comparison implements AsyncDisposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-compare-'));
  readonly lower = this.#tree('lower');
  readonly upper = this.#tree('upper');
  readonly content: ContentStore;
  readonly #opened: Promise<Subject<Differ>>;

  constructor(wrap: (writer: ContentWriter) => ContentWriter = (writer) => writer) {
    const store = memoryContent();
    this.content = new Proxy(store, {
      get: (target, name) =>
        name === 'writer'
          ? async (options: Parameters<ContentStore['writer']>[0]) => wrap(await target.writer(options))
          : Reflect.get(target, name).bind(target),
    });
    const dirs = { root: path.join(this.folder, 'root'), state: path.join(this.folder, 'state') };
    this.#opened = openPlugin(plugin, { dirs, needs: { content: this.content } });
  }

  async differ(): Promise<Required<Pick<Differ, 'compare' | 'apply'>>> {
    const { instance, capabilities } = await this.#opened;
    expect(capabilities).toMatchObject({ compare: true });
    return instance as Differ & Required<Pick<Differ, 'compare'>>;
  }

  async compare(options?: CompareOptions): Promise<ComparedLayer> {
    return (await this.differ()).compare([this.lower], [this.upper], options);
  }

  async close(): Promise<void> {
    await (await this.#opened)[Symbol.asyncDispose]();
  }

  async blob(digest: string): Promise<Buffer> {
    await using reader = await this.content.readerAt(digest);
    const bytes = Buffer.alloc(reader.size);
    await reader.read(bytes, 0);
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #tree(name: string): OwnTree {
    const tree: OwnTree = { format: 'directory', path: path.join(this.folder, name) };
    mkdirSync(tree.path);
    writeFileSync(path.join(tree.path, 'same'), 'same');
    return tree;
  }
}

const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const unpacks = { none: (bytes: Buffer) => bytes, gzip: gunzipSync, zstd: zstdDecompressSync };

test.each(['none', 'gzip', 'zstd'] as const)(
  'a blob of compression %s describes itself and gives the upper tree',
  async (compression) => {
    await using comparison = new Comparison();
    const { lower, upper } = comparison;
    writeFileSync(path.join(lower.path, 'gone'), 'gone');
    writeFileSync(path.join(upper.path, 'large'), randomBytes(9_000_001));
    mkdirSync(path.join(upper.path, 'dir'));
    symlinkSync('large', path.join(upper.path, 'dir/link'));
    chmodSync(path.join(upper.path, 'dir'), 0o2750);
    const sizes: number[] = [];
    const { descriptor, diffId } = await comparison.compare({ compression, onProgress: (bytes) => sizes.push(bytes) });
    const blob = await comparison.blob(descriptor.digest);
    expect(descriptor).toEqual({
      mediaType: `application/vnd.oci.image.layer.v1.tar${compression === 'none' ? '' : `+${compression}`}`,
      digest: sha256(blob),
      size: blob.length,
    });
    expect(sizes.at(-1)).toBe(blob.length);
    expect(diffId).toBe(sha256(unpacks[compression](blob)));
    expect(await comparison.content.listStatuses()).toEqual([]);
    // Again, with the blob there already.
    expect(await comparison.compare({ compression, ref: 'again' })).toEqual({ descriptor, diffId });
    expect(await comparison.content.listStatuses()).toEqual([]);

    const differ = await comparison.differ();
    expect((await differ.apply(descriptor, { ...lower, lower: [] })).digest).toBe(diffId);
    expect(await differ.compare([lower], [upper], { compression: 'none' })).toMatchObject({ descriptor: { size: 1024 } });
  },
);

test('a gzip header says nothing of the moment or the machine', async () => {
  await using comparison = new Comparison();
  const { descriptor } = await comparison.compare();
  expect((await comparison.blob(descriptor.digest)).subarray(0, 10)).toEqual(Buffer.from([31, 139, 8, 0, 0, 0, 0, 0, 0, 255]));
});

test('what a killed comparison left under the same ref is written over', async () => {
  await using comparison = new Comparison();
  const writer = await comparison.content.writer({ ref: 'mine' });
  await writer.write(Buffer.from('left'));
  await writer.close();
  const { descriptor } = await comparison.compare({ ref: 'mine' });
  expect(sha256(await comparison.blob(descriptor.digest))).toBe(descriptor.digest);
});

test('steps are told', async () => {
  await using comparison = new Comparison();
  const steps: string[] = [];
  const listen = (message: unknown): void => void steps.push((message as Step).name);
  stepChannel.subscribe(listen);
  try {
    await comparison.compare();
  } finally {
    stepChannel.unsubscribe(listen);
  }
  expect(steps).toEqual(['diff.compare.opened', 'diff.compare.written', 'diff.compare.committed']);
});

/** A tree whose layer takes a while and many parts. */
function fill(tree: OwnTree): void {
  for (let index = 0; index < 30; index++) writeFileSync(path.join(tree.path, `f${index}`), randomBytes(1 << 20));
}

const descriptors = (): string[] => readdirSync('/proc/self/fd');
const threads = (): string[] =>
  readdirSync('/proc/self/task')
    .map((id) => readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim())
    .filter((name) => name.includes('slipway-comp'));

test('an aborted comparison leaves no ingest, no descriptor and no thread', async () => {
  await using comparison = new Comparison();
  fill(comparison.upper);
  await comparison.compare();
  const before = descriptors().length;
  for (const parts of [0, 1, 3]) {
    const abort = new AbortController();
    let seen = 0;
    const comparing = comparison.compare({
      signal: abort.signal,
      onProgress: () => {
        if (++seen > parts) abort.abort();
      },
    });
    await expect(comparing).rejects.toMatchObject({ kind: 'canceled' });
    expect(await comparison.content.listStatuses()).toEqual([]);
  }
  expect(descriptors().length).toBe(before);
  expect(threads()).toEqual([]);
  await expect(comparison.compare({ signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'canceled' });
});

test('an error of the store is passed on, and the ingest is dropped', async () => {
  let writes = 0;
  await using comparison = new Comparison((writer) => {
    const write = writer.write.bind(writer);
    writer.write = async (chunk) => {
      if (++writes === 3) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      await write(chunk);
    };
    return writer;
  });
  fill(comparison.upper);
  await expect(comparison.compare()).rejects.toThrow('ENOSPC');
  expect(await comparison.content.listStatuses()).toEqual([]);
  expect(threads()).toEqual([]);
});

test('a slow store is waited for, a few parts ahead', async () => {
  let highest = 0;
  await using comparison = new Comparison((writer) => {
    const write = writer.write.bind(writer);
    writer.write = async (chunk) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      highest = Math.max(highest, process.memoryUsage().rss);
      await write(chunk.subarray(0, 0));
    };
    writer.commit = () => Promise.reject(new Error('thrown away'));
    return writer;
  });
  writeFileSync(path.join(comparison.upper.path, 'huge'), '');
  truncateSync(path.join(comparison.upper.path, 'huge'), 256 << 20);
  const before = process.memoryUsage().rss;
  await expect(comparison.compare({ compression: 'none' })).rejects.toThrow('thrown away');
  expect((highest - before) >> 20).toBeLessThan(160);
});

test('an error names the entry and keeps kind and code', async () => {
  await using comparison = new Comparison();
  writeFileSync(path.join(comparison.upper.path, '.wh.x'), '');
  await expect(comparison.compare()).rejects.toMatchObject({
    kind: 'invalid-argument',
    code: 'LAYER_NAME_INVALID',
    details: { entry: '.wh.x' },
  });
  expect(await comparison.content.listStatuses()).toEqual([]);
});

test('disposing waits until the ingest of what was running is dropped', async () => {
  await using comparison = new Comparison((writer) => {
    const close = writer.close.bind(writer);
    writer.close = async () => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      await close();
    };
    return writer;
  });
  fill(comparison.upper);
  const written = Promise.withResolvers<void>();
  const outcome = comparison.compare({ onProgress: () => written.resolve() }).catch((error: unknown) => error);
  await written.promise;
  await comparison.close();
  expect(await comparison.content.listStatuses()).toEqual([]);
  expect(await outcome).toMatchObject({ code: 'DIFFER_CLOSED' });
});

test('disposing ends what is running', async () => {
  await using comparison = new Comparison();
  fill(comparison.upper);
  const outcome = comparison.compare().catch((error: unknown) => error);
  await comparison.differ();
  await comparison.close();
  expect(await outcome).toMatchObject({ kind: 'unavailable', code: 'DIFFER_CLOSED' });
  expect(await comparison.content.listStatuses()).toEqual([]);
  expect(threads()).toEqual([]);
  await expect(comparison.compare()).rejects.toMatchObject({ code: 'DIFFER_CLOSED' });
});
