import { type Digest, isKind } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { contentTable } from './content.js';
import { hasExpired, leasesTable } from './leases.js';
import { rowKey, rowPrefix } from './rows.js';

/**
 * A blob whose operation was killed before it wrote the row, or had no room for it, is in the store and nowhere in metadata;
 * the operation's lease alone knows of it. Once that has run out the blob gets its row here, so that the sweep sees it.
 */
export async function adoptStrays(parts: Pick<EngineParts, 'metadata' | 'store'>): Promise<void> {
  const strays: { readonly digest: Digest; readonly size: number }[] = [];
  for (const digest of rowlessContent(parts)) {
    const size = await sizeOf(parts, digest);
    if (size !== undefined) strays.push({ digest, size });
  }
  if (strays.length === 0) return;
  await parts.metadata.write((tx) => {
    for (const { digest, size } of strays) {
      if (tx.get(contentTable, rowKey(digest)) !== undefined) continue;
      tx.put(contentTable, rowKey(digest), { size, createdAt: new Date().toISOString(), labels: {} });
    }
  });
}

function rowlessContent({ metadata }: Pick<EngineParts, 'metadata'>): string[] {
  return metadata.read((tx) =>
    [...tx.entries(leasesTable, { prefix: rowPrefix })]
      .filter(([, lease]) => hasExpired(lease))
      .flatMap(([, lease]) => lease.content)
      .filter((digest) => tx.get(contentTable, rowKey(digest)) === undefined),
  );
}

async function sizeOf({ store }: Pick<EngineParts, 'store'>, digest: string): Promise<number | undefined> {
  try {
    return (await store.info(digest)).size;
  } catch (error) {
    if (isKind(error, 'not-found')) return undefined;
    throw error;
  }
}
