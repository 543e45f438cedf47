import { type ContentInfo, type Digest, type RebuildReport, type SystemOptions, step, throwIfAborted } from '@slipway/plugin-api';
import { removeStrayFolders } from '../containers/folder.js';
import { referenceOf } from '../images/image-names.js';
import { bootId, recordBoot } from '../metadata/boot.js';
import { contentTable } from '../metadata/content.js';
import { imagesTable } from '../metadata/images.js';
import { addToLease } from '../metadata/leases.js';
import { putLabels } from '../metadata/put-labels.js';
import { noteReferences } from '../metadata/references.js';
import { rowKey } from '../metadata/rows.js';
import { usableSnapshotter } from '../metadata/sweep-snapshots.js';
import { changeNames } from '../names/change-names.js';
import { dropKeptNames, keepNames } from '../names/keep-names.js';
import { readNamesCopy } from '../names/names-copy.js';
import { Operation } from '../operations/operation.js';
import { contentLabels, madeAt } from '../pull/record-image.js';
import type { EngineParts } from '../settings.js';
import { checkBlob } from '../verify/check-blob.js';
import { VerifyThread } from '../verify-thread.js';
import { readImage } from './read-image.js';

/**
 * Makes the books anew: each blob whose bytes are those of its digest gets its row, each name of the copy its meaning, and every row the labels that a
 * pull would have given it, all in one transaction. Snapshots are not told by anything on disk, so their folders go, and the
 * next use of an image unpacks it again.
 *
 * What is recorded already stays as it is.
 */
export async function rebuild(parts: EngineParts, { signal }: SystemOptions = {}): Promise<RebuildReport> {
  const { root } = parts.settings;
  // Until it is done, a change of names by anyone else must not be all that the copy knows.
  const names = keepNames(root, parts.metadata);
  const isUnnamed = names.size === 0 && readNamesCopy(root) === undefined;
  await using operation = Operation.begin(parts, 'rebuild');
  const { whole, damaged } = await hashAll(parts, signal);
  step('rebuild.hashed', { blobs: whole.length });
  const mayLackLayers = parts.settings.pull.discardUnpackedLayers;
  const present = new Set(whole.map(({ digest }) => digest));
  const images = await Promise.all(
    [...names].map(async ([name, row]) => ({ name, row, ...(await readImage(parts.store, present, row.target, mayLackLayers)) })),
  );
  const restored = images.filter(({ loaded }) => loaded.length > 0);
  const lost = images.filter(({ isWhole }) => !isWhole);
  throwIfAborted('rebuild', signal);

  // It ends with the operation: what a lost name has left is kept for a day then, as after a pull that was cut off.
  operation.acquire({ kind: 'lease', id: operation.id });
  await changeNames(parts, operation, (tx) => {
    for (const { digest, size, createdAt } of whole) {
      if (tx.get(contentTable, rowKey(digest)) === undefined)
        tx.put(contentTable, rowKey(digest), { size, createdAt, labels: {} });
    }
    for (const { name, row, loaded } of restored) {
      const reference = referenceOf(parts, name);
      for (const one of loaded) putLabels(tx, contentLabels(reference, one, one.hasLayers));
      const made = loaded[0] === undefined ? {} : madeAt(loaded[0].config);
      if (tx.get(imagesTable, rowKey(name)) === undefined) tx.put(imagesTable, rowKey(name), { ...row, ...made });
      noteReferences(tx, { content: [row.target.digest] });
    }
    // Until then the metadata counts as lost, and nobody else goes on with it.
    recordBoot(tx, bootId());
    const content = new Set(lost.flatMap(({ found }) => found));
    if (content.size > 0) addToLease(tx, operation.id, { content: [...content] });
  });
  step('rebuild.recorded', { images: restored.length });
  dropKeptNames(root);
  await removeOrphans(parts);
  removeStrayFolders(parts);
  return {
    blobs: whole.length,
    damaged,
    images: restored.map(({ name, row }) => ({ name, target: row.target })),
    lost: lost.map(({ name }) => name),
    namesUnknown: isUnnamed && whole.length > 0,
  };
}

async function hashAll(
  parts: EngineParts,
  signal: AbortSignal | undefined,
): Promise<{ readonly whole: ContentInfo[]; readonly damaged: Digest[] }> {
  await using thread = new VerifyThread();
  const [whole, damaged]: [ContentInfo[], Digest[]] = [[], []];
  for await (const info of parts.store.walk()) {
    throwIfAborted('rebuild', signal);
    const finding = await checkBlob(parts.store, thread, info.digest, info.size, { signal });
    if (finding === undefined) whole.push(info);
    else damaged.push(info.digest);
  }
  return { whole, damaged };
}

/** One snapshotter that cannot clean up now does not undo the rest; its next clean-up does it. */
async function removeOrphans(parts: EngineParts): Promise<void> {
  for (const id of parts.snapshotters.ids) {
    const snapshotter = await usableSnapshotter(parts, id);
    await snapshotter?.cleanup().catch((error: unknown) => parts.log.warn(`clean up of "${id}": ${String(error)}`));
  }
}
