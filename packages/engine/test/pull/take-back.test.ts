import { type MetadataStore, type Resolver, SlipwayError } from '@slipway/plugin-api';
import { memoryContent, memoryMetadata } from '@slipway/plugin-testkit';
import { expect, it } from 'vitest';
import { NamespacedContent } from '../../dist/metadata/content.js';
import { deletionLock } from '../../dist/metadata/deletion-lock.js';
import { leasesTable } from '../../dist/metadata/leases.js';
import { rowPrefix } from '../../dist/metadata/rows.js';
import { pull } from '../../dist/pull/pull.js';
import { fakeParts } from '../parts.ts';

const refusal = (kind: 'not-found' | 'resource-exhausted') => new SlipwayError({ kind, code: 'FAKE', message: kind });
const descriptor = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'a'.repeat(64)}`,
  size: 2,
} as const;

/** A name that is known, of content that is not. */
const resolver = {
  resolve: async (name: string) => ({ name, descriptor }),
  fetcher: () => ({ fetch: () => Promise.reject(refusal('not-found')) }),
} as unknown as Resolver;

it('bug: a failed pull that had no room to let its lease go kept it for ever', async () => {
  using fake = fakeParts();
  const metadata = memoryMetadata();
  let writes = 0;
  const full: MetadataStore = {
    read: (fn) => metadata.read(fn),
    // The first one takes the lease, the second is to let it go.
    write: (fn) => (++writes === 2 ? Promise.reject(refusal('resource-exhausted')) : metadata.write(fn)),
  };
  const store = memoryContent();
  const stacks = { default: { resolver: 'fake', snapshotter: ['fake'], runtime: 'fake' } };
  const parts = {
    ...(fake as object),
    settings: { ...fake.settings, stacks },
    metadata: full,
    store,
    content: new NamespacedContent(store, full, () => deletionLock(fake.settings.root)),
    resolvers: { ids: ['fake'], declares: () => ({}), get: async () => resolver },
  } as unknown as Parameters<typeof pull>[0];
  await expect(pull(parts, 'example.com/image', {})).rejects.toMatchObject({ kind: 'not-found' });
  const leases = metadata.read((tx) => [...tx.entries(leasesTable, { prefix: rowPrefix })].map(([, lease]) => lease));
  expect(leases).toEqual([expect.objectContaining({ content: [descriptor.digest], expiresAt: expect.any(String) })]);
});
