import { chainIds } from '@slipway/oci';
import { type CommitContainerOptions, type Digest, type Image, step, throwIfAborted } from '@slipway/plugin-api';
import { changeDefaults } from '../images/changes/change-defaults.js';
import { type Draft, storeDocuments, withDraft } from '../images/made/draft.js';
import { type MadeImage, makeImage } from '../images/made/made-image.js';
import { newName } from '../images/made/new-name.js';
import { recordMade } from '../images/made/record-made.js';
import { leaseSnapshots } from '../metadata/lease-snapshots.js';
import { platformOf } from '../pull/check-platform.js';
import { discardLayers } from '../pull/discard-layers.js';
import type { EngineParts } from '../settings.js';
import { stackWith } from '../stack.js';
import { unpackContext } from '../unpack/context.js';
import { unpack } from '../unpack/unpack.js';
import { leaseBase } from './base-image.js';
import { committedDefaults } from './committed-defaults.js';
import { compareContainer } from './compare-container.js';
import { findContainer } from './find.js';

/** An image of what a container's files are now: its own image with one layer more, which is unpacked like that of any other. */
export async function commitContainer(
  parts: EngineParts,
  id: string,
  name: string,
  options: CommitContainerOptions,
): Promise<Image> {
  const { author, message, signal } = options;
  const fullName = newName(parts, name);
  const container = findContainer(parts, id);
  throwIfAborted(`commit container ${JSON.stringify(id)}`, signal);
  return withDraft(parts, 'commit', async (draft) => {
    const base = await leaseBase(parts, draft, container);
    const given = base.document['config'];
    const own = committedDefaults({ ...(given ?? {}), ...base.config.config }, container.row.settings);
    const defaults = changeDefaults(own, options.changes ?? []);
    const layer = await compareContainer(parts, draft, container, signal);
    const image = makeImage({
      base,
      layer,
      defaults: { ...defaults },
      platform: platformOf(base.config),
      author,
      history: { created_by: 'slipway commit', ...(message === undefined ? {} : { comment: message }) },
      created: new Date().toISOString(),
    });
    await unpackMade(parts, draft, container.row.snapshotter, image, signal);
    await storeDocuments(parts, draft, image, signal);
    const { snapshotter } = container.row;
    const recorded = await recordMade(parts, draft, { name: fullName, image, snapshotter, base: base.manifestDigest });
    draft.keep();
    step('commit.recorded', { name: fullName });
    // Nothing has a use for a layer with nothing in it.
    if (layer === undefined) await discardLayers(parts, draft.operation);
    return recorded;
  });
}

/** The layers of the base are there, and leased with what is on top of them. */
async function unpackMade(
  parts: EngineParts,
  { operation }: Draft,
  snapshotter: string,
  { manifest, config }: MadeImage,
  signal: AbortSignal | undefined,
): Promise<void> {
  const diffIds = config.rootfs.diff_ids;
  const snapshots = chainIds(diffIds).map((name) => ({ snapshotter, name }));
  await leaseSnapshots(parts, operation.id, { snapshots }, signal);
  await unpack(
    await unpackContext(parts, stackWith(parts, snapshotter), operation, signal),
    manifest.layers.map((descriptor, index) => ({
      descriptor,
      diffId: diffIds[index] as Digest,
      fetched: Promise.resolve(),
      report: () => {},
    })),
  );
}
