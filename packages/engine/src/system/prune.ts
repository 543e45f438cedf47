import { isKind, type Pruned, type PruneOptions, type SystemFailure, step, throwIfAborted } from '@slipway/plugin-api';
import { imageUsers } from '../images/users.js';
import { removeFreeLocks } from '../locks/index.js';
import { imagesTable } from '../metadata/images.js';
import { rowKey, rowName, rowPrefix } from '../metadata/rows.js';
import { sweep } from '../metadata/sweep.js';
import { failureOf } from '../metadata/sweep-failure.js';
import { changeNames } from '../names/change-names.js';
import { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { leftIngests } from './ingests.js';

/** Names removed in one transaction: some 50 ms. The copy of all names is written after each. */
const namesAtOnce = 5000;

/** Ingests first: on a full disk they make room without asking metadata for any. */
export async function prune(parts: EngineParts, options: PruneOptions = {}): Promise<Pruned> {
  const { all = false, partial = false, dryRun = false, signal } = options;
  const failures: SystemFailure[] = [];
  const ingests: string[] = [];
  let bytes = 0;
  for (const { ref, offset } of await leftIngests(parts, { partial })) {
    try {
      if (!dryRun) await parts.store.abort(ref);
      ingests.push(ref);
      bytes += offset;
    } catch (error) {
      // Somebody has taken it up again, or dropped it.
      if (!isKind(error, 'unavailable', 'not-found')) failures.push(failureOf(parts.log, `ingest "${ref}"`, error));
    }
  }
  step('prune.ingests', { ingests: ingests.length });

  const unused = all ? unusedImages(parts) : [];
  if (dryRun) {
    const found = await sweep(parts, undefined, { thorough: true, partial, withoutImages: new Set(unused), signal });
    return prunedOf(found, { images: unused, ingests, bytes, failures });
  }
  await using operation = Operation.begin(parts, 'prune');
  const images: string[] = [];
  for (let at = 0; at < unused.length; at += namesAtOnce) {
    throwIfAborted('remove images', signal);
    images.push(...(await removeNames(parts, operation, unused.slice(at, at + namesAtOnce))));
  }
  step('prune.images', { images: images.length });
  const swept = await sweep(parts, operation, { thorough: true, partial, signal });
  try {
    // Left by who could not remove them, or was killed.
    removeFreeLocks(parts.settings.root);
  } catch (error) {
    failures.push(failureOf(parts.log, 'free locks', error));
  }
  return prunedOf(swept, { images, ingests, bytes, failures });
}

function prunedOf(
  swept: Awaited<ReturnType<typeof sweep>>,
  { images, ingests, bytes, failures }: Pick<Pruned, 'images' | 'ingests' | 'bytes' | 'failures'>,
): Pruned {
  return {
    images,
    content: swept.content,
    snapshots: swept.snapshots.map(({ snapshotter, name }) => ({ snapshotter, name })),
    ingests,
    bytes: bytes + swept.bytes,
    failures: [...failures, ...swept.failures],
  };
}

function unusedImages({ metadata }: EngineParts): string[] {
  return metadata.read((tx) => {
    const users = imageUsers(tx);
    const names = [...tx.entries(imagesTable, { prefix: rowPrefix })].map(([key]) => rowName(key));
    return names.filter((name) => !users.has(name));
  });
}

/** Those that are still there and still unused. */
function removeNames(parts: EngineParts, operation: Operation, names: readonly string[]): Promise<string[]> {
  return changeNames(parts, operation, (tx) => {
    const users = imageUsers(tx);
    return names.filter((name) => !users.has(name) && tx.delete(imagesTable, rowKey(name)));
  });
}
