import { SlipwayError } from '@slipway/plugin-api';

export function tooManyParents(count: number, most: number): SlipwayError {
  return new SlipwayError({
    kind: 'resource-exhausted',
    code: 'OVERLAY_TOO_MANY_LAYERS',
    message: `the snapshot grows on ${count} layers, with overlayfs at most ${most} are possible`,
    hint: 'use the snapshotter "native"',
    details: { layers: count },
  });
}

/** One image cannot hold both. */
export function layerAndChanges(folder: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'SNAPSHOT_LAYER_AND_CHANGES',
    message: `a layer was applied to the snapshot in ${JSON.stringify(folder)}, and it was mounted to be written too: it cannot become one layer`,
    hint: 'commit it before it is mounted, and write into a snapshot that grows on it',
  });
}

/** The hash tree would be of the names alone. */
export function verityOfNames(image: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'SNAPSHOT_VERITY_UNSUPPORTED',
    message: `hash tree of ${JSON.stringify(image)}: its files are in a tar archive beside it, which the tree would not be of`,
    hint: 'set format = "flat" in [plugin.differ-erofs], or verity = false in [plugin.snapshot-kata]',
  });
}
