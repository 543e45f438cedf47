import type { Descriptor } from '../oci/index.js';
import { definePoint } from '../point.js';
import type { Fetcher, ResolvedName, ResolveOptions } from '../resolve/index.js';

/**
 * # Policy: may this image be used
 *
 * Every enabled policy is asked, and each must allow it. Asked after the name was resolved and before anything is stored; and before
 * a run, also of an image that is here.
 *
 * Laws:
 * 1. `check` fulfils when the image may be used, and rejects with `permission-denied` and the reason when not. Any other error refuses, too.
 * 2. It is decided by what the request says and what `source` yields, which is not verified: a policy hashes what it reads.
 * 3. `run` of what was allowed to `pull` needs no network.
 *
 * @stable
 * @since 0.1
 */
export interface Policy {
  check(request: PolicyRequest): Promise<void>;
}

export const policyPoint = definePoint<Policy>('policy.v1');

export interface PolicyRequest {
  readonly operation: 'pull' | 'run';
  /** The full name, as it is or will be recorded. */
  readonly name: string;
  /** What the name means: an index or a manifest. */
  readonly target: Descriptor;
  /** Where the image comes from: signatures are found beside it. */
  readonly source: PolicySource;
  readonly signal?: AbortSignal | undefined;
}

export interface PolicySource {
  /** Another name of the same repository. Errors: as `Resolver.resolve`. */
  resolve(name: string, options?: ResolveOptions): Promise<ResolvedName>;
  /** As `Resolver.referrers`; empty where the source knows none. */
  referrers(subject: Descriptor['digest'], options?: ResolveOptions): Promise<readonly Descriptor[]>;
  readonly fetcher: Fetcher;
}
