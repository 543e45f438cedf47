import { type ContentStore, type SlipwayError, wrapError } from '@slipway/plugin-api';
import { expect, it } from 'vitest';
import { checkBlob } from '../../dist/verify/check-blob.js';
import { VerifyThread } from '../../dist/verify-thread.js';

const digest = `sha256:${'0'.repeat(64)}`;

/** A store from which no blob can be opened. */
function refusing(error: SlipwayError): ContentStore {
  return { readerAt: () => Promise.reject(error) } as unknown as ContentStore;
}

const systemError = (code: string): SlipwayError => wrapError(`open "${digest}"`, Object.assign(new Error(code), { code }));

it.each(['EMFILE', 'ENOMEM'])(
  'bug: a blob that could not be read for want of means (%s) was told to be damaged, and lost by a rebuild',
  async (code) => {
    await using thread = new VerifyThread();
    await expect(checkBlob(refusing(systemError(code)), thread, digest, 1, {})).rejects.toMatchObject({
      kind: 'resource-exhausted',
    });
  },
);

it('bug: so was every blob when the verifying thread was lost', async () => {
  const thread = new VerifyThread();
  await thread[Symbol.asyncDispose]();
  const store = { readerAt: async () => ({ fd: 0, size: 1, [Symbol.asyncDispose]: async () => {} }) } as unknown as ContentStore;
  await expect(checkBlob(store, thread, digest, 1, {})).rejects.toMatchObject({ kind: 'internal' });
});

it.each(['EIO', 'ELOOP'])('a blob that the disk does not give (%s) is unreadable', async (code) => {
  await using thread = new VerifyThread();
  expect(await checkBlob(refusing(systemError(code)), thread, digest, 1, {})).toMatchObject({ problem: 'unreadable' });
});
