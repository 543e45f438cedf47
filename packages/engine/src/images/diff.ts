import type { Change, LayerTree, Snapshotter, StackOptions } from '@slipway/plugin-api';
import { leaseSnapshots } from '../metadata/lease-snapshots.js';
import { dropLease } from '../metadata/leases.js';
import { type LoadedImage, loadImage } from '../pull/load-image.js';
import type { EngineParts } from '../settings.js';
import { type ActiveStack, activeStack } from '../stack.js';
import { changesBetween } from '../trees/changes.js';
import { ensureUnpacked } from '../unpack/ensure-unpacked.js';
import { findImage } from './describe.js';
import { type Draft, withDraft } from './made/draft.js';

export type DiffImagesOptions = StackOptions & { readonly signal?: AbortSignal | undefined };

export async function diffImages(
  parts: EngineParts,
  lower: string,
  upper: string | undefined,
  options: DiffImagesOptions,
): Promise<readonly Change[]> {
  const stack = activeStack(parts, options.stack);
  const load = (name: string): Promise<LoadedImage> => loadImage(parts.content, findImage(parts, name).image.target, undefined);
  const first = await load(lower);
  const second = upper === undefined ? undefined : await load(upper);
  // Leased for as long as they are looked at: of a tree that is being removed, anything could be said.
  return withDraft(parts, 'diff', async (draft) => {
    for (const image of second === undefined ? [first] : [first, second])
      await holdUnpacked(parts, draft, stack, image, options.signal);
    const { snapshotter } = await stack.snapshotter();
    const changes = await changesBetween(
      await treesOf(snapshotter, second === undefined ? first.chain.slice(0, -1) : first.chain),
      await treesOf(snapshotter, (second ?? first).chain),
      options.signal,
    );
    await parts.metadata.write((tx) => dropLease(tx, draft.operation.id));
    draft.keep();
    return changes;
  });
}

async function holdUnpacked(
  parts: EngineParts,
  { operation }: Draft,
  stack: ActiveStack,
  image: LoadedImage,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { id } = await stack.snapshotter();
  const snapshots = image.chain.slice(-1).map((name) => ({ snapshotter: id, name }));
  await leaseSnapshots(parts, operation.id, { snapshots, content: [image.descriptor.digest] }, signal);
  await ensureUnpacked(parts, stack, image, { signal });
}

async function treesOf(snapshotter: Snapshotter, chain: LoadedImage['chain']): Promise<readonly LayerTree[]> {
  const top = chain.at(-1);
  return top === undefined ? [] : snapshotter.trees(top);
}
