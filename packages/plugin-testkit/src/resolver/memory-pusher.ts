import { digestOf, isIndexType, isManifestType, parseDigest, parseManifestDocument, quote, type Reference } from '@slipway/oci';
import {
  canceled,
  type Descriptor,
  type Digest,
  type Fetcher,
  isKind,
  type Pusher,
  type PushOptions,
  type PushOutcome,
  type ResolveOptions,
  SlipwayError,
} from '@slipway/plugin-api';
import type { MemoryRegistry, MemoryRepository } from './memory-registry.js';

const maxAttempts = 4;

export interface MemoryPushContext {
  readonly registry: MemoryRegistry;
  readonly reference: Reference;
  /** Aborts with the resolver. */
  readonly closing: AbortSignal;
  /** One request, answered as the registry answers now. */
  ask(what: string, stop: AbortSignal): Promise<void>;
}

/** Pushes into a {@link MemoryRegistry}. */
export class MemoryPusher implements Pusher {
  readonly #context: MemoryPushContext;
  readonly #closed = new AbortController();

  constructor(context: MemoryPushContext) {
    this.#context = context;
  }

  async push(descriptor: Descriptor, source: Fetcher, { from = [], signal, onProgress }: PushOptions = {}): Promise<PushOutcome> {
    const what = `push ${quote(descriptor.digest)}`;
    parseDigest(descriptor.digest);
    const stop = this.#stop(signal);
    if (stop.aborted) throw canceled(what, stop);
    await this.#context.ask(what, stop);
    const { content } = this.#repository();
    if (content.has(descriptor.digest)) return 'exists';
    const isManifest = isIndexType(descriptor.mediaType) || isManifestType(descriptor.mediaType);
    const mounted = isManifest ? undefined : this.#elsewhere(descriptor.digest, from);
    const bytes = mounted ?? (await readVerified(what, descriptor, source, stop, onProgress));
    content.set(descriptor.digest, { mediaType: descriptor.mediaType, bytes });
    return mounted === undefined ? 'pushed' : 'mounted';
  }

  async complete(target: Descriptor, { signal }: ResolveOptions = {}): Promise<void> {
    const { tag, digest } = this.#context.reference;
    const what = `push of ${quote(target.digest)}`;
    const stop = this.#stop(signal);
    await this.#context.ask(what, stop);
    if (digest !== undefined && digest !== target.digest)
      throw refusal('failed-precondition', 'NAME_IS_OTHER_DIGEST', `${what}: the name says ${digest}`);
    if (tag !== undefined) this.#repository().tags.set(tag, target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(refusal('canceled', 'PUSHER_CLOSED', 'the pusher was disposed of'));
  }

  #stop(signal: AbortSignal | undefined): AbortSignal {
    return AbortSignal.any([this.#closed.signal, this.#context.closing, ...(signal === undefined ? [] : [signal])]);
  }

  #repository(): MemoryRepository {
    const { registry, reference } = this.#context;
    return registry.repository(reference.repository);
  }

  #elsewhere(digest: Digest, from: readonly string[]): Buffer | undefined {
    const { registry } = this.#context;
    for (const [repository, { content }] of registry.repositories) {
      const found = from.includes(registry.name(repository)) ? content.get(digest) : undefined;
      if (found !== undefined) return found.bytes;
    }
    return undefined;
  }
}

/** Manifests of a repository whose subject is this digest. */
export function memoryReferrers(registry: MemoryRegistry, repository: string, subject: Digest): Descriptor[] {
  const found: Descriptor[] = [];
  for (const [digest, { mediaType, bytes }] of registry.repositories.get(repository)?.content ?? []) {
    if (!isIndexType(mediaType) && !isManifestType(mediaType)) continue;
    const document = parseManifestDocument(bytes, mediaType);
    const { subject: own, artifactType, annotations } = document.kind === 'index' ? document.index : document.manifest;
    if (own?.digest !== subject) continue;
    const type = artifactType ?? (document.kind === 'manifest' ? document.manifest.config.mediaType : undefined);
    found.push({
      mediaType,
      digest,
      size: bytes.length,
      ...(type === undefined ? {} : { artifactType: type }),
      ...(annotations === undefined ? {} : { annotations }),
    });
  }
  return found;
}

async function readVerified(
  what: string,
  descriptor: Descriptor,
  source: Fetcher,
  stop: AbortSignal,
  onProgress: PushOptions['onProgress'],
): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    try {
      await using content = await source.fetch(descriptor, { signal: stop });
      const pieces: Uint8Array[] = [];
      let length = 0;
      for await (const piece of content.body) {
        if (stop.aborted) throw canceled(what, stop);
        pieces.push(Buffer.from(piece));
        length += piece.byteLength;
        onProgress?.(length);
      }
      const bytes = Buffer.concat(pieces);
      if (length === descriptor.size && digestOf(bytes, parseDigest(descriptor.digest).algorithm) === descriptor.digest)
        return bytes;
      throw refusal('failed-precondition', 'CONTENT_MISMATCH', `${what}: the bytes do not match the descriptor`);
    } catch (error) {
      if (attempt === maxAttempts || !isKind(error, 'unavailable')) throw error;
    }
  }
}

function refusal(kind: 'failed-precondition' | 'canceled', code: string, message: string): SlipwayError {
  return new SlipwayError({ kind, code, message });
}
