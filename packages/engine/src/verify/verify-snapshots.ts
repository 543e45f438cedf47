import type { Digest, UncheckedSnapshot, VerifyProblem } from '@slipway/plugin-api';
import { throwIfAborted } from '@slipway/plugin-api';
import { contentTable } from '../metadata/content.js';
import { snapshotRefs } from '../metadata/labels.js';
import { rowKey } from '../metadata/rows.js';
import { usableSnapshotter } from '../metadata/sweep-snapshots.js';
import { type ImageLayer, imageLayers } from './image-layers.js';
import { LayerCheck, type LayerFinding } from './layer-check.js';
import { repairSnapshots } from './repair-snapshots.js';
import type { Verification } from './verification.js';
import type { Unpackable } from './walk-image.js';

export interface SnapshotReport {
  readonly count: number;
  readonly problems: readonly VerifyProblem[];
  readonly unchecked: readonly UncheckedSnapshot[];
}

/** Compares what every snapshotter that can be had keeps of these images with what their layers say. */
export async function verifySnapshots(verification: Verification, images: readonly Unpackable[]): Promise<SnapshotReport> {
  const layers = imageLayers(images);
  const reports: SnapshotReport[] = [];
  for (const id of verification.parts.snapshotters.ids) {
    throwIfAborted('verify', verification.options.signal);
    reports.push(await verifySnapshotter(verification, id, layers, images));
  }
  return {
    count: reports.reduce((sum, { count }) => sum + count, 0),
    problems: reports.flatMap(({ problems }) => problems),
    unchecked: reports.flatMap(({ unchecked }) => unchecked),
  };
}

async function verifySnapshotter(
  verification: Verification,
  id: string,
  layers: ReadonlyMap<Digest, ImageLayer>,
  images: readonly Unpackable[],
): Promise<SnapshotReport> {
  const { parts, options } = verification;
  const wanted = wantedChains(verification, id, images);
  const snapshotter = await usableSnapshotter(parts, id);
  if (snapshotter === undefined) return { count: 0, problems: [], unchecked: [] };
  const present = new Set<string>();
  for await (const { kind, name } of snapshotter.walk()) if (kind === 'committed') present.add(name);

  const found = new Map<Digest, LayerFinding>();
  const unchecked: UncheckedSnapshot[] = [];
  const here = [...layers.values()].filter(({ chainId }) => present.has(chainId) || wanted.has(chainId));
  await using check = new LayerCheck(verification, id, snapshotter);
  for (const [index, layer] of here.entries()) {
    options.onProgress?.({ type: 'snapshot', name: layer.chainId, current: index, total: here.length });
    const finding: LayerFinding = present.has(layer.chainId)
      ? await check.look(layer)
      : { problem: 'missing', message: 'an image is said to be unpacked, and the snapshot is not there' };
    if (finding.problem === 'unchecked') {
      const { message } = finding;
      unchecked.push({ snapshotter: id, name: layer.chainId, message, images: [...layer.images] });
    } else if (finding.problem !== 'none') found.set(layer.chainId, finding);
  }
  await check[Symbol.asyncDispose]();

  const failures =
    options.repair === true ? await repairSnapshots(verification, id, snapshotter, [...found.keys()], images) : undefined;
  const problems = [...found].map(([chainId, { problem, message }]): VerifyProblem => {
    const failure = failures?.get(chainId);
    return {
      what: 'snapshot',
      name: chainId,
      snapshotter: id,
      problem: problem === 'missing' ? 'missing' : problem === 'unreadable' ? 'unreadable' : 'damaged',
      message: failure === undefined ? message : `${message}; not repaired: ${failure}`,
      images: [...(layers.get(chainId)?.images ?? [])],
      repaired: failures !== undefined && failure === undefined,
    };
  });
  return { count: here.length, problems, unchecked };
}

/** Top layers that an image's config says this snapshotter has. */
function wantedChains({ parts }: Verification, id: string, images: readonly Unpackable[]): Set<string> {
  return parts.metadata.read(
    (tx) =>
      new Set(
        images.flatMap(({ loaded }) => {
          const row = tx.get(contentTable, rowKey(loaded.manifest.config.digest));
          return snapshotRefs(row?.labels ?? {}).flatMap(({ snapshotter, name }) => (snapshotter === id ? [name] : []));
        }),
      ),
  );
}
