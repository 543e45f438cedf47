import { isIndexType, isManifestType, parseDigest, quote, type Reference } from '@slipway/oci';
import {
  canceled,
  type Descriptor,
  type Digest,
  type Fetcher,
  isSlipwayError,
  type Pusher,
  type PushOptions,
  type PushOutcome,
  type ResolveOptions,
  SlipwayError,
  step,
} from '@slipway/plugin-api';
import { BlobUpload } from './blob-upload.js';
import { fetchContent } from './content-fetch.js';
import { pushManifest } from './manifest-push.js';
import { existsAt, putManifest, readManifest } from './manifest-put.js';
import type { RegistrySession } from './registry-session.js';
import { giveUpUpload, mountBlob, type PushPlace, type UploadSession } from './upload-session.js';

/** Each costs a round trip, and what is not in the first ones is mostly in none. */
const maxMounts = 3;

/** Into one repository of a registry, by the name that is given in the end. */
export class RegistryPusher implements Pusher {
  private readonly closing = new AbortController();
  private readonly work = new Set<Promise<unknown>>();
  /** Where the manifests came from that were pushed, for the one that gets the name. */
  private readonly sources = new Map<Digest, Fetcher>();

  /** `session` is asked for when the first request is made. */
  constructor(
    private readonly session: () => Promise<RegistrySession>,
    private readonly reference: Reference,
  ) {}

  push(descriptor: Descriptor, source: Fetcher, options: PushOptions = {}): Promise<PushOutcome> {
    return this.carryOut(`push of ${descriptor.digest}`, options.signal, async (place, signal) => {
      parseDigest(descriptor.digest);
      const { mediaType } = descriptor;
      if (!isIndexType(mediaType) && !isManifestType(mediaType))
        return this.pushBlob(place, descriptor, source, { ...options, signal });
      const outcome = await pushManifest(place, descriptor, source, signal);
      this.sources.set(descriptor.digest, source);
      return outcome;
    });
  }

  complete(target: Descriptor, options: ResolveOptions = {}): Promise<void> {
    return this.carryOut(`push of ${quote(this.name)}`, options.signal, async (place, signal) => {
      const { tag, digest } = this.reference;
      if (digest !== undefined && digest !== target.digest)
        throw new SlipwayError({
          kind: 'failed-precondition',
          code: 'REGISTRY_NAME_IS_OTHER_DIGEST',
          message: `pushing ${quote(this.name)}: what was pushed is ${target.digest}, which the name contradicts`,
          hint: 'leave the digest out of the name',
        });
      if (tag === undefined) return;
      const source = this.sources.get(target.digest) ?? this.fetcher(place);
      await putManifest(place, target, await readManifest(place, target, source, signal), tag, signal);
      step('push.completed', { digest: target.digest });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closing.abort(new SlipwayError({ kind: 'canceled', code: 'PUSHER_CLOSED', message: 'the push was given up' }));
    await Promise.allSettled(this.work);
    // What was given up last is told in the end.
    await Promise.allSettled(this.work);
  }

  private get name(): string {
    const { registry, repository, tag } = this.reference;
    return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}`;
  }

  private async pushBlob(
    place: PushPlace,
    descriptor: Descriptor,
    source: Fetcher,
    { from = [], signal, onProgress }: PushOptions,
  ): Promise<PushOutcome> {
    if (await existsAt(place, `blobs/${descriptor.digest}`, descriptor, {}, signal)) return 'exists';
    const begun = await this.mount(place, descriptor, from, signal);
    if (begun === 'mounted') return 'mounted';
    const onGivenUp = (upload: UploadSession): void => this.giveUp(place, upload);
    await new BlobUpload(place, descriptor, source, { signal, onProgress, onGivenUp }).run(begun);
    return 'pushed';
  }

  /** Undefined when nothing came of it; otherwise what the registry began in place of the last mount. */
  private async mount(
    place: PushPlace,
    descriptor: Descriptor,
    from: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<'mounted' | UploadSession | undefined> {
    let begun: UploadSession | undefined;
    for (const repository of repositoriesOf(this.reference, from)) {
      try {
        const outcome = await mountBlob(place, descriptor, repository, signal);
        if (outcome === 'mounted') {
          if (begun !== undefined) this.giveUp(place, begun);
          return outcome;
        }
        if (outcome === undefined) continue;
        if (begun !== undefined) this.giveUp(place, begun);
        begun = outcome;
      } catch (error) {
        // Whoever may push here need not be allowed to read there; that is no reason not to send it.
        if (isSlipwayError(error) && error.kind === 'permission-denied') continue;
        if (begun !== undefined) this.giveUp(place, begun);
        throw error;
      }
    }
    return begun;
  }

  private giveUp(place: PushPlace, upload: UploadSession): void {
    void this.track(giveUpUpload(place, upload));
  }

  private fetcher({ session, repository }: PushPlace): Fetcher {
    return {
      fetch: (descriptor, options = {}) => fetchContent(session, repository, descriptor, options.offset ?? 0, options.signal),
    };
  }

  /** What is under way when the pusher is disposed of is stopped, and its end waited for. */
  private async carryOut<T>(
    what: string,
    given: AbortSignal | undefined,
    work: (place: PushPlace, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const signal = given === undefined ? this.closing.signal : AbortSignal.any([given, this.closing.signal]);
    if (signal.aborted) throw canceled(what, signal);
    try {
      const { repository } = this.reference;
      const begin = async (): Promise<T> => work({ session: await this.session(), repository }, signal);
      return await this.track(begin());
    } catch (error) {
      throw this.explained(error);
    }
  }

  private track<T>(work: Promise<T>): Promise<T> {
    this.work.add(work);
    const forget = (): unknown => this.work.delete(work);
    work.then(forget, forget);
    return work;
  }

  /** What authentication says is said of reading. */
  private explained(error: unknown): unknown {
    if (!isSlipwayError(error) || error.code !== 'REGISTRY_UNAUTHORIZED') return error;
    const { registry, repository } = this.reference;
    return new SlipwayError({
      kind: 'permission-denied',
      code: 'REGISTRY_PUSH_DENIED',
      message: error.message,
      hint: `slipway login ${registry} with an account that may push to ${quote(`${registry}/${repository}`)}`,
      cause: error,
      details: error.details,
    });
  }
}

/** Others of the same registry. */
function repositoriesOf({ registry, repository }: Reference, from: readonly string[]): string[] {
  const others = from.flatMap((place) => {
    const other = place.startsWith(`${registry}/`) ? place.slice(registry.length + 1) : '';
    return other === '' || other === repository ? [] : [other];
  });
  return [...new Set(others)].slice(0, maxMounts);
}
