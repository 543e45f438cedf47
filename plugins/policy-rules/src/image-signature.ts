import type { PublicKey } from './public-key.js';
import { simpleSigningFault } from './simple-signing.js';

/** What somebody has signed, as it was found; nothing in it is checked. */
export type ImageSignature =
  | { readonly format: 'simple-signing'; readonly payload: Buffer; readonly signature: Buffer }
  | { readonly format: 'bundle'; readonly bundle: Buffer };

/** What a signature must say, and by whom. */
export interface SignatureDemand {
  readonly name: string;
  readonly digest: string;
  readonly identity: string | undefined;
  readonly keys: readonly PublicKey[];
}

/** Why it does not count, or undefined when it does. What is signed is read only after the signature was found good. */
export async function signatureFault(signature: ImageSignature, demand: SignatureDemand): Promise<string | undefined> {
  if (signature.format === 'simple-signing') return simpleSigningFault(signature, demand);
  // Only where there is one: most of what it loads are the descriptions of the format.
  const { bundleFault } = await import('./bundle.js');
  return bundleFault(signature.bundle, demand);
}
