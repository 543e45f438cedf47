import { type ComparedLayer, type Digest, type Fetcher, hasCode, SlipwayError, step } from '@slipway/plugin-api';
import { type Draft, leaseContent } from '../images/made/draft.js';
import { finishLeftDeletion } from '../metadata/deletion.js';
import { fetchContent } from '../pull/fetch.js';
import type { EngineParts } from '../settings.js';
import { stackWith } from '../stack.js';
import { containerTrees, whileThere } from './container-trees.js';
import type { FoundContainer } from './find.js';

/** Each time a sweep took the blob between its making and its lease. */
const maxAttempts = 3;
const goneCode = 'COMMIT_LAYER_GONE';

/** A digest of a tar file with nothing in it: two blocks of zeros. */
const emptyDiffId = 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef';

/**
 * Makes a layer of what the container has changed, in the content store, and leases it. Undefined when it has changed nothing. A differ writes to the
 * store itself, of which metadata learns here.
 */
export async function compareContainer(
  parts: EngineParts,
  draft: Draft,
  container: FoundContainer,
  signal: AbortSignal | undefined,
): Promise<ComparedLayer | undefined> {
  for (let attempt = 1; ; attempt++) {
    const layer = await whileThere(parts, container, () => compare(parts, draft, container, signal));
    await leaseContent(parts, draft, layer.descriptor.digest, signal);
    try {
      await adopt(parts, draft, layer, signal);
      step('commit.compared', { digest: layer.descriptor.digest });
      return layer.diffId === emptyDiffId ? undefined : layer;
    } catch (error) {
      // It is leased now: what is made of the same trees once more stays.
      if (!hasCode(error, goneCode) || attempt >= maxAttempts) throw error;
    }
  }
}

async function compare(
  parts: EngineParts,
  { operation }: Draft,
  container: FoundContainer,
  signal: AbortSignal | undefined,
): Promise<ComparedLayer> {
  const { snapshotter } = container.row;
  const differ = await stackWith(parts, snapshotter).differ();
  if (differ.compare === undefined) throw cannotCompare(snapshotter);
  const { lower, upper } = await containerTrees(parts, container, signal);
  const ref = `commit-${operation.id}`;
  const ingest = operation.acquire({ kind: 'ingest', ref });
  const layer = await differ.compare(lower, upper, { ref, signal });
  ingest.forget();
  return layer;
}

async function adopt(
  parts: EngineParts,
  { operation }: Draft,
  { descriptor }: ComparedLayer,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { content } = parts;
  const finishDeletion = (digest: Digest): Promise<void> => finishLeftDeletion(parts, digest);
  await fetchContent({ content, fetcher: nowhere, operation, finishDeletion, signal }, descriptor, () => {});
}

/** It is there already, or it is not. */
const nowhere: Fetcher = {
  fetch: ({ digest }) =>
    Promise.reject(
      new SlipwayError({
        kind: 'aborted',
        code: goneCode,
        message: `layer "${digest}" of the commit was removed meanwhile`,
        hint: 'commit again when nothing is removed at the same time',
      }),
    ),
};

function cannotCompare(snapshotter: string): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'DIFFER_CANNOT_COMPARE',
    message: `the differ for snapshotter "${snapshotter}" makes no layers of trees`,
    hint: 'wire a differ with the capability "compare"',
  });
}
