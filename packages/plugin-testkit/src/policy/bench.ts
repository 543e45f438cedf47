import type { Descriptor, Policy, PolicySource } from '@slipway/plugin-api';

/** A policy, and images that it has something to say of. */
export interface PolicyBench {
  readonly policy: Policy;
  /** An image that it allows, another one at each call, with all that its source must have for that. */
  allowed(): PolicyCase;
  /** An image that it refuses, with a source that is sound. */
  refused(): PolicyCase;
}

export interface PolicyCase {
  readonly name: string;
  readonly target: Descriptor;
  readonly source: PolicySource;
}
