import { setTimeout } from 'node:timers/promises';
import { formatReference, parseDigest, parseReference, quote, type Reference } from '@slipway/oci';
import {
  canceled,
  type Descriptor,
  type Digest,
  type ErrorKind,
  type FetchedContent,
  type Fetcher,
  type FetchOptions,
  type Pusher,
  type ReferrersOptions,
  type ResolvedName,
  type ResolveOptions,
  type Resolver,
  SlipwayError,
} from '@slipway/plugin-api';
import { MemoryPusher, memoryReferrers } from './memory-pusher.js';
import type { MemoryAnswer, MemoryRegistry } from './memory-registry.js';

export interface MemoryResolverOptions {
  /** Milliseconds without a byte after which an answer is given up. */
  readonly idleTimeoutMs?: number | undefined;
}

/** A {@link Resolver} of what a {@link MemoryRegistry} keeps, for tests of parts that need one. It keeps the laws of resolver.v1. */
export function memoryResolver(
  registry: MemoryRegistry,
  { idleTimeoutMs = 500 }: MemoryResolverOptions = {},
): Required<Pick<Resolver, 'pusher' | 'referrers'>> & Resolver & AsyncDisposable {
  return new MemoryResolver(registry, idleTimeoutMs);
}

const pieceBytes = 65_536;

class MemoryResolver implements Resolver, AsyncDisposable {
  readonly #closing = new AbortController();

  constructor(
    private readonly registry: MemoryRegistry,
    private readonly idleTimeoutMs: number,
  ) {}

  async resolve(name: string, { signal }: ResolveOptions = {}): Promise<ResolvedName> {
    const reference = parseReference(name);
    const what = `resolve ${quote(name)}`;
    const stop = this.#stop(signal);
    const answer = await this.#ask(what, stop);
    answer.end();
    return { name: formatReference(reference), descriptor: this.#descriptorOf(what, reference) };
  }

  fetcher(name: string): Fetcher {
    const { registry, repository } = parseReference(name);
    const place = this.registry.name(repository) === `${registry}/${repository}` ? repository : undefined;
    return { fetch: (descriptor, options) => this.#fetch(place, descriptor, options) };
  }

  pusher(name: string): Pusher {
    const reference = parseReference(name);
    return new MemoryPusher({
      registry: this.registry,
      reference,
      closing: this.#closing.signal,
      ask: async (what, stop) => (await this.#ask(what, stop)).end(),
    });
  }

  async referrers(name: string, subject: Digest, { artifactType, signal }: ReferrersOptions = {}): Promise<Descriptor[]> {
    parseDigest(subject);
    const what = `referrers of ${quote(subject)}`;
    (await this.#ask(what, this.#stop(signal))).end();
    const found = memoryReferrers(this.registry, parseReference(name).repository, subject);
    return found.filter((one) => artifactType === undefined || one.artifactType === artifactType);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(refusal('canceled', 'RESOLVER_CLOSED', 'the resolver was closed'));
  }

  async #fetch(
    repository: string | undefined,
    { digest, size }: Descriptor,
    { offset = 0, signal }: FetchOptions = {},
  ): Promise<FetchedContent> {
    const what = `fetch ${quote(digest)}`;
    parseDigest(digest);
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > size)
      throw refusal('out-of-range', 'OFFSET_INVALID', `${what}: offset ${offset} is not between 0 and its size ${size}`);
    const givenUp = new AbortController();
    const stop = this.#stop(signal, givenUp.signal);
    const answer = await this.#ask(what, stop);
    const found = this.registry.repositories.get(repository ?? '')?.content.get(digest);
    if (found?.bytes.length !== size) answer.end();
    if (found === undefined) throw refusal('not-found', 'BLOB_NOT_FOUND', `${what}: no such content`);
    if (found.bytes.length !== size)
      throw refusal('failed-precondition', 'SIZE_MISMATCH', `${what}: found ${found.bytes.length} bytes, expected ${size}`);
    return {
      offset,
      body: this.#body(what, found.bytes.subarray(offset), answer, stop),
      async [Symbol.asyncDispose]() {
        givenUp.abort(canceled(what));
        answer.end();
      },
    };
  }

  async *#body(what: string, bytes: Buffer, answer: MemoryAnswer, stop: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        await this.#unlessSilent(what, answer, stop);
        const piece = bytes.subarray(at, at + pieceBytes);
        answer.send(piece.length);
        yield Buffer.from(piece);
      }
    } finally {
      answer.end();
    }
  }

  async #ask(what: string, stop: AbortSignal): Promise<MemoryAnswer> {
    if (stop.aborted) throw canceled(what, stop);
    const answer = this.registry.answer();
    try {
      await this.#unlessSilent(what, answer, stop);
      return answer;
    } catch (error) {
      answer.end();
      throw error;
    }
  }

  async #unlessSilent(what: string, answer: MemoryAnswer, stop: AbortSignal): Promise<void> {
    const deadline = Date.now() + this.idleTimeoutMs;
    while (!stop.aborted && answer.isSilent() && Date.now() < deadline)
      await setTimeout(10, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) throw canceled(what, stop);
    if (answer.isSilent()) throw refusal('unavailable', 'TIMEOUT', `${what}: nothing came for ${this.idleTimeoutMs} ms`);
  }

  #stop(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
    return AbortSignal.any([this.#closing.signal, ...signals.filter((signal) => signal !== undefined)]);
  }

  #descriptorOf(what: string, { registry, repository, tag, digest }: Reference): Descriptor {
    const found = this.registry.repositories.get(repository);
    if (found === undefined || this.registry.name(repository) !== `${registry}/${repository}`)
      throw refusal('not-found', 'REPOSITORY_NOT_FOUND', `${what}: no such repository`);
    if (digest === undefined) {
      const descriptor = found.tags.get(tag ?? '');
      if (descriptor === undefined) throw refusal('not-found', 'TAG_NOT_FOUND', `${what}: no such tag`);
      return descriptor;
    }
    const content = found.content.get(digest);
    if (content === undefined) throw refusal('not-found', 'MANIFEST_NOT_FOUND', `${what}: no such manifest`);
    return { mediaType: content.mediaType, digest, size: content.bytes.length };
  }
}

function refusal(kind: ErrorKind, code: string, message: string): SlipwayError {
  return new SlipwayError({ kind, code, message });
}
