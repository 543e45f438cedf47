import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { createGunzip, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { applyLayer, compareTrees, rebaseLayer, stageLayer } from '@slipway/layers';
import { type LinuxSystem, linux } from '@slipway/linux';
import {
  type ApplyOptions,
  type ComparedLayer,
  type CompareOptions,
  type ContentStore,
  canceled,
  type Descriptor,
  type Differ,
  type ErrorKind,
  isKind,
  type LayerFormat,
  type LayerTarget,
  type LayerTree,
  SlipwayError,
  type StagedLayer,
  step,
  wrapError,
} from '@slipway/plugin-api';

/** What a broken one replaces. */
export interface DifferParts {
  readonly system: LinuxSystem;
  readonly uncompressed: (blob: Buffer, mediaType: string) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly writes: readonly LayerFormat[];
}

const mediaType = 'application/vnd.oci.image.layer.v1.tar';
const refusal = (kind: ErrorKind, message: string): SlipwayError => new SlipwayError({ kind, code: 'PLAIN', message });

/** A small {@link Differ} without threads, to be broken by tests of the laws. */
export class PlainDiffer implements Differ, AsyncDisposable {
  readonly content: ContentStore;
  readonly parts: DifferParts;
  readonly #end = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(content: ContentStore, parts: Partial<DifferParts> = {}) {
    this.content = content;
    this.parts = { system: linux, uncompressed, writes: ['overlay', 'directory'], ...parts };
  }

  async apply(layer: Descriptor, target: LayerTarget, options: ApplyOptions = {}): Promise<Descriptor> {
    if (!this.parts.writes.includes(target.format)) throw refusal('unimplemented', `no ${target.format}`);
    return await this.#read(layer, options, (stream, signal) =>
      applyLayer(stream, target, { system: this.parts.system, signal }),
    );
  }

  async stage(layer: Descriptor, target: LayerTarget, options: ApplyOptions = {}): Promise<StagedLayer> {
    const { system } = this.parts;
    let notes: Awaited<ReturnType<typeof stageLayer>> = [];
    const descriptor = await this.#read(layer, options, async (stream, signal) => {
      notes = await stageLayer(stream, target, { system, signal });
    });
    return { descriptor, rebase: async (lower) => rebaseLayer({ ...target, lower }, notes, { system }) };
  }

  async compare(lower: readonly LayerTree[], upper: readonly LayerTree[], options: CompareOptions = {}): Promise<ComparedLayer> {
    const { compression = 'gzip', ref = `compare-${Math.random()}`, signal } = options;
    if (signal?.aborted) throw canceled('compare', signal);
    const plain = Buffer.concat([...compareTrees(lower, upper, { system: this.parts.system })]);
    const bytes = compression === 'none' ? plain : compression === 'gzip' ? gzipSync(plain) : zstdCompressSync(plain);
    const digest = digestOf(bytes);
    await using writer = await this.content.writer({ ref });
    await writer.write(bytes);
    await writer.commit({ digest, size: bytes.length }).catch((error: unknown) => {
      if (!isKind(error, 'already-exists')) throw error;
    });
    const suffix = compression === 'none' ? '' : `+${compression}`;
    return { descriptor: { mediaType: `${mediaType}${suffix}`, digest, size: bytes.length }, diffId: digestOf(plain) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(refusal('unavailable', 'the differ is closed'));
    await Promise.allSettled([this.#running]);
  }

  async #read(
    layer: Descriptor,
    { signal, onProgress }: ApplyOptions,
    work: (stream: AsyncIterable<Uint8Array>, signal: AbortSignal) => Promise<void>,
  ): Promise<Descriptor> {
    const either = AbortSignal.any([this.#end.signal, ...(signal === undefined ? [] : [signal])]);
    if (either.aborted) throw canceled('apply', either);
    const hash = createHash('sha256');
    let size = 0;
    const { content, parts } = this;
    async function* stream(): AsyncIterable<Uint8Array> {
      const blob = await blobOf(content, layer.digest);
      step('diff.plain.opened');
      onProgress?.(blob.length);
      for await (const chunk of parts.uncompressed(blob, layer.mediaType)) {
        hash.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    }
    const running = work(stream(), either);
    this.#running = Promise.allSettled([this.#running, running]);
    try {
      await running;
    } catch (error) {
      throw wrapError('apply layer', error);
    }
    step('diff.plain.applied');
    return { mediaType, digest: `sha256:${hash.digest('hex')}`, size };
  }
}

interface Decompressed {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

export async function* uncompressed(blob: Buffer): AsyncIterable<Uint8Array> {
  const magic = blob.subarray(0, 4).toString('hex');
  if (magic.startsWith('1f8b')) yield* gunzipped(blob);
  else if (magic === '28b52ffd' || /^5.2a4d18$/.test(magic)) {
    try {
      // The types know nothing of `info`.
      const { buffer, engine } = zstdDecompressSync(blob, { info: true }) as unknown as Decompressed;
      if (engine.bytesWritten !== blob.length) throw refusal('data-loss', 'bytes behind zstd');
      yield buffer;
    } catch (error) {
      throw refusal('data-loss', String(error));
    }
  } else if (magic === 'fd377a58') throw refusal('unimplemented', 'xz');
  else if (magic.startsWith('425a68')) throw refusal('unimplemented', 'bzip2');
  else for (let at = 0; at < blob.length; at += 1 << 20) yield blob.subarray(at, at + (1 << 20));
}

async function* gunzipped(blob: Buffer): AsyncIterable<Uint8Array> {
  const decoder = createGunzip({ chunkSize: 1 << 20 });
  Readable.from([blob]).pipe(decoder);
  try {
    for await (const chunk of decoder) yield chunk;
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))
      throw refusal('data-loss', error.message);
    throw error;
  } finally {
    decoder.destroy();
    if (!decoder.closed) await once(decoder, 'close');
  }
  if (decoder.bytesWritten !== blob.length) throw refusal('data-loss', 'bytes behind gzip');
}

export async function blobOf(content: ContentStore, digest: string): Promise<Buffer> {
  await using reader = await content.readerAt(digest);
  const bytes = Buffer.alloc(reader.size);
  for (let at = 0; at < bytes.length; ) at += await reader.read(bytes.subarray(at), at);
  return bytes;
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
