import type { Descriptor, Digest } from '../oci/index.js';
import { definePoint } from '../point.js';

/**
 * # Resolver: from a name to a descriptor, from a descriptor to bytes, and the way back
 *
 * The manifest may declare `schemes`: names that begin with one of them and a colon (`oci:DIR`) are this resolver's, in
 * every stack. All other names are those of the stack's resolver, and are references (`docker.io/library/alpine:latest`).
 * With `names: "paths"` what follows is `PATH[:REFERENCE][@DIGEST]`: the engine makes the path absolute before it asks, and records it so.
 *
 * Laws:
 * 1. `resolve` returns the descriptor of what the name means now: an index or a manifest, as the source has it. Choosing a
 *    platform is the engine's. A name with a digest resolves to that digest or not at all.
 * 2. What a fetcher yields is *not* verified; the content store is. But a fetcher never yields bytes of another offset than it says.
 * 3. Credentials go to the origin they belong to and to no other, and appear in no error or log.
 * 4. Every wait ends: idle timeouts, bounded retries, and the signal, within a second.
 * 5. Nothing pushed has a name before {@link Pusher.complete}; bytes that do not match their descriptor never get a digest there.
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
  /** Capability `push`. For content and the name itself: `name` is what {@link Pusher.complete} gives to the target. Cheap. */
  pusher?(name: string): Pusher;
  /**
   * Capability `referrers`. Manifests of the repository of `name` whose `subject` is this digest (distribution-spec, "Listing
   * Referrers", with its fall-back tag). Empty when there are none.
   */
  referrers?(name: string, subject: Digest, options?: ReferrersOptions): Promise<readonly Descriptor[]>;
  /** Capability `login`. Tries the credentials at the host and keeps them. Errors: `permission-denied` (nothing is kept), `unavailable`. */
  login?(host: string, credentials: RegistryCredentials, options?: ResolveOptions): Promise<LoginResult>;
  /** Capability `login`. Forgets what `login` kept. Errors: `not-found`. */
  logout?(host: string): Promise<LoginResult>;
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

/** Brings content to where its name says. Disposing gives up what was not completed; what others can use of it may stay. */
export interface Pusher extends AsyncDisposable {
  /**
   * Brings one blob or manifest there, unless it is there. A manifest after everything that it refers to. The bytes are read from `source`,
   * again from the beginning when an attempt fails. Errors: `failed-precondition` (they do not match the descriptor), `permission-denied`, `unavailable`.
   */
  push(descriptor: Descriptor, source: Fetcher, options?: PushOptions): Promise<PushOutcome>;
  /** What was pushed is `target`: now the name means it. The last call. */
  complete(target: Descriptor, options?: ResolveOptions): Promise<void>;
}

/** `mounted`: taken from another repository of the same registry, without sending it. */
export type PushOutcome = 'exists' | 'mounted' | 'pushed';

export interface PushOptions {
  /** Repositories (`registry/repository`) that are known to have it: those of the same registry are asked first. */
  readonly from?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the bytes sent so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export interface ReferrersOptions extends ResolveOptions {
  /** Only of this type. */
  readonly artifactType?: string | undefined;
}

/** A password, or an identity token (OAuth2 refresh token) that was given out in place of one. */
export type RegistryCredentials = { readonly username: string; readonly password: string } | { readonly identityToken: string };

export interface LoginResult {
  /** Where the credentials are kept: a path, or the name of a helper program. */
  readonly store: string;
}
