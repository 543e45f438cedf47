/**
 * What can go wrong at a *site*: a place in our own code that asks the kernel for something, with its caller:
 * `plugins/content-local/dist/layout.js:46 openSync < plugins/content-local/dist/local-content-writer.js:142`.
 */
export const faultKinds = ['ENOSPC', 'EIO', 'EMFILE', 'short'] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Site {
  readonly name: string;
  /** Those that this call can meet: EMFILE where it makes a descriptor, `short` where it writes bytes and says how many. */
  readonly faults: readonly FaultKind[];
}

/** The first call at the site fails, or writes less than it was asked to; the ones after it are carried out. */
export interface Fault {
  readonly site: string;
  readonly kind: FaultKind;
}
