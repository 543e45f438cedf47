import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import { type Mount, SlipwayError } from '@slipway/plugin-api';
import { copyAttributes, type SnapshotPlace, type SnapshotTrees } from '@slipway/snapshots';

const opaque = 'trusted.overlay.opaque';
/** overlayfs takes 500 layers (OVL_MAX_STACK), and who only looks into an active snapshot counts its own directory among them. */
const maxParents = 499;

/** `fs` is the layer, `work` the folder that overlayfs wants beside it while it is written to. */
export const overlayTrees: SnapshotTrees = {
  async fill(place) {
    checkCount(place.parents);
    const [parent] = place.parents;
    if (place.kind !== 'active' || parent === undefined) return;
    mkdirSync(workOf(place), { mode: 0o700 });
    // The merged root shows the upper directory's attributes, so they start as the parent's. What overlayfs itself keeps
    // in attributes says something of the parent as a layer and must not be copied.
    copyAttributes(parent, place.tree, undefined, {
      skipXattr: (name) => name.toString('latin1').startsWith('trusted.overlay.'),
    });
  },

  mounts(place) {
    return [mountOf(place)];
  },

  trees({ kind, tree, parents }) {
    const own = kind === 'view' && parents.length > 0 ? [] : [tree];
    return visible([...own, ...parents]).map((path) => ({ format: 'overlay', path }));
  },

  layerTarget: ({ tree, parents }) => ({
    format: 'overlay',
    path: tree,
    lower: visible(parents).map((path) => ({ format: 'overlay', path })),
  }),

  checkRebase({ parents }) {
    checkCount(parents);
  },

  async settle(place, jobs) {
    await jobs.remove(workOf(place));
  },
};

/** Refuses early: an image must not be listed and then fail to run. */
function checkCount(parents: readonly string[]): void {
  const count = visible(parents).length;
  if (count > maxParents) throw tooManyParents(count);
}

function tooManyParents(count: number): SlipwayError {
  return new SlipwayError({
    kind: 'resource-exhausted',
    code: 'OVERLAY_TOO_MANY_LAYERS',
    message: `the snapshot grows on ${count} layers, with overlayfs at most ${maxParents} are possible`,
    hint: 'use the snapshotter "native"',
    details: { layers: count },
  });
}

const workOf = (place: SnapshotPlace): string => join(place.folder, 'work');

function mountOf(place: SnapshotPlace): Mount {
  const { kind, tree } = place;
  const parents = visible(place.parents);
  const [parent, ...more] = parents;
  if (parent === undefined) return { kind: 'bind', source: tree, readOnly: kind === 'view' };
  if (kind === 'active') {
    if (isOpaque(tree)) return { kind: 'bind', source: tree, readOnly: false };
    return { kind: 'overlay', lower: parents, upper: tree, work: workOf(place) };
  }
  // overlayfs takes no single layer without an upper directory.
  return more.length === 0 ? { kind: 'bind', source: parent, readOnly: true } : { kind: 'overlay', lower: parents };
}

/** The layers down to one that hides all below it. overlayfs heeds the mark on every directory but the root. */
function visible(parents: readonly string[]): readonly string[] {
  const last = parents.findIndex(isOpaque);
  return last === -1 ? parents : parents.slice(0, last + 1);
}

function isOpaque(tree: string): boolean {
  return linux.lgetxattr(tree, opaque)?.toString('latin1') === 'y';
}
