import type { Descriptor } from '../oci/index.js';
import { definePoint } from '../point.js';

/**
 * # Resolver: from a name to a descriptor, and from a descriptor to bytes
 *
 * Laws:
 * 1. `resolve` returns the descriptor of what the name means now: an index or a manifest, as the source has it. Choosing a
 *    platform is the engine's. A name with a digest resolves to that digest or not at all.
 * 2. What a fetcher yields is *not* verified; the content store is. But a fetcher never yields bytes of another offset than it says.
 * 3. Credentials go to the origin they belong to and to no other, and appear in no error or log.
 * 4. Every wait ends: idle timeouts, bounded retries, and the signal, within a second.
 *
 * Errors: `not-found` (no such host, repository, tag, blob; the code says which), `permission-denied` (authentication),
 * `unavailable` (after retries), `failed-precondition` (a digest that does not match), `invalid-argument` (the name).
 *
 * @stable
 * @since 0.1
 */
export interface Resolver {
  resolve(name: string, options?: ResolveOptions): Promise<ResolvedName>;
  /** For content of the repository that `name` is in. Cheap; connects only on fetch. */
  fetcher(name: string): Fetcher;
}

export const resolverPoint = definePoint<Resolver>('resolver.v1');

export interface ResolveOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ResolvedName {
  /** The full name, as it is recorded: `docker.io/library/alpine:latest`. */
  readonly name: string;
  readonly descriptor: Descriptor;
}

export interface Fetcher {
  /** Opens the content from `offset` on. */
  fetch(descriptor: Descriptor, options?: FetchOptions): Promise<FetchedContent>;
}

export interface FetchOptions {
  /** First byte wanted; 0 when absent. */
  readonly offset?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Disposing it gives up the connection; reading it to its end does, too. */
export interface FetchedContent extends AsyncDisposable {
  /** Where the body really starts: the offset asked for, or 0 when the source cannot start in the middle. */
  readonly offset: number;
  readonly body: AsyncIterable<Uint8Array>;
}
