import { closeSync } from 'node:fs';
import { imagesAreFree, linux } from '@slipway/linux';
import { SlipwayError } from '@slipway/plugin-api';
import { hasMounts } from '../../mounts/has-mounts.js';
import { Operation } from '../../operations/operation.js';
import { settle } from '../../operations/settle.js';
import type { EngineParts } from '../../settings.js';
import { withContainer } from '../container-lock.js';
import { containerById, type FoundContainer } from '../find.js';
import { bundleDirectory, containerFolder } from '../folder.js';
import { openLiveRoot } from '../live-root.js';
import { ownImageConfig } from '../own-image.js';
import { runtimeOf } from '../runtime-of.js';
import { containerState, runOperation } from '../state.js';
import type { CopyMount, CopyTree } from './copy-job.js';
import { makeMountPlaces } from './mount-place.js';

export interface TreeUse {
  /** For messages: `copy to container "web"`. */
  readonly what: string;
  readonly writes: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * The container's files for as long as the work takes: as its programs see them when it runs, else its snapshot with its volumes and binds, and nobody starts or removes it
 * meanwhile. Errors: `not-found`, `failed-precondition` (CONTAINER_RESTARTING), `unimplemented` (CONTAINER_ROOT_IN_MACHINE), `canceled`; those of mounts.
 */
export async function withTree<T>(
  parts: EngineParts,
  id: string,
  use: TreeUse,
  work: (tree: CopyTree) => Promise<T>,
): Promise<T> {
  const live = await liveRoot(parts, id);
  if (live !== undefined) return await closing(live, () => work({ kind: 'live', root: live }));
  return await withContainer(parts, id, use, async (container) => {
    // It may have been started while we waited.
    const root = await liveRoot(parts, id);
    if (root !== undefined) return await closing(root, () => work({ kind: 'live', root }));
    await requireStill(parts, container, use);
    return await withStored(parts, container, use, work);
  });
}

async function liveRoot(parts: EngineParts, id: string): Promise<number | undefined> {
  const container = containerById(parts, id);
  return await openLiveRoot(await runtimeOf(parts, container.row), container);
}

async function closing<T>(fd: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    closeSync(fd);
  }
}

/** What its monitor has mounted must not be mounted to be written once more. */
async function requireStill(parts: EngineParts, container: FoundContainer, { what, signal }: TreeUse): Promise<void> {
  const { status } = await containerState(parts, container);
  if (status === 'restarting') throw restarting(container);
  await settle(parts, runOperation(container.id), what, signal);
}

async function withStored<T>(
  parts: EngineParts,
  { id, row }: FoundContainer,
  { writes, signal }: TreeUse,
  work: (tree: CopyTree) => Promise<T>,
): Promise<T> {
  const snapshotter = await parts.snapshotters.get(row.snapshotter);
  const [rootfs, image] = await Promise.all([snapshotter.mounts(row.snapshotKey), ownImageConfig(parts.content, row)]);
  const place = containerFolder(parts.settings.root, id);
  const withRoot = async (mounts: readonly CopyMount[]): Promise<T> => {
    const readOnly = !writes || row.settings.readOnly === true;
    if (!readOnly) await imagesAreFree(rootfs, signal);
    const root = linux.mountDetached(rootfs, { readOnly });
    return await closing(root, () => work({ kind: 'stored', root, place, mounts }));
  };
  if (!hasMounts(row.settings, image)) return await withRoot([]);
  const { prepareMounts } = await import('../../mounts/prepare-mounts.js');
  await using operation = Operation.begin(parts, 'copy');
  const tree = linux.mountDetached(rootfs, { readOnly: true });
  return await closing(tree, async () => {
    const { settings, volumes } = row;
    const bundle = bundleDirectory(parts.settings.state, id);
    using prepared = await prepareMounts({ parts, operation, id, settings, image, tree, bundle, volumes, signal });
    const sources = new Map(prepared.attachments.map(({ fd, directory }) => [directory, fd]));
    // A tmpfs is empty when nothing runs, and what is copied there would be gone at the next start.
    const mounts = prepared.mounts.flatMap(({ destination: target, source = '' }) => {
      const fd = sources.get(source);
      return fd === undefined ? [] : [{ fd, target }];
    });
    makeMountPlaces(tree, rootfs, mounts);
    return await withRoot(mounts);
  });
}

function restarting({ id, row: { name } }: FoundContainer): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_RESTARTING',
    message: `container ${JSON.stringify(name)} waits to be restarted`,
    hint: `try again when it runs, or stop it: slipway stop ${name}`,
    details: { id, name },
  });
}
