import type { ContentStore, Digest } from '@slipway/plugin-api';
import { VerifyThread } from '../verify-thread.js';
import { checkBlob } from './check-blob.js';

/** Whether a blob that nobody vouches for has the bytes of its digest. */
export async function isWhole(store: ContentStore, digest: Digest, bytes: number): Promise<boolean> {
  await using thread = new VerifyThread();
  return (await checkBlob(store, thread, digest, bytes, {})) === undefined;
}
