import type { ContentDetails, SystemOptions } from '@slipway/plugin-api';
import { contentTable } from '../metadata/content.js';
import { LiveMarks } from '../metadata/marks.js';
import { rowName, rowPrefix } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';

/** In the order of their digests. */
export async function listContent({ metadata }: EngineParts, { signal }: SystemOptions = {}): Promise<readonly ContentDetails[]> {
  const marks = (await LiveMarks.make(metadata, {}, signal)).current;
  return metadata.read((tx) =>
    [...tx.entries(contentTable, { prefix: rowPrefix })].flatMap(([key, { size, createdAt, labels, deletedBy }]) => {
      const digest = rowName(key);
      return deletedBy === undefined ? [{ digest, size, createdAt, labels, used: marks.content.has(digest) }] : [];
    }),
  );
}
