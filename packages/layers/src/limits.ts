/** Bounds on what a layer may claim. Past one, reading ends with `LAYER_TOO_LARGE` and the entry's name. */
export interface LayerLimits {
  /** Bytes of one PAX header, GNU long name or sparse map. */
  readonly headerBytes: number;
  /** Entries, counting the headers that only extend others; and as many directories that no entry lists, only paths imply. */
  readonly entries: number;
  /** Components of a resolved path. */
  readonly depth: number;
  /** Bytes of all files together, holes not counted; and of all files below that are copied for hard links to them. */
  readonly unpackedBytes: number;
}

/** Far above what real images have, far below what a machine can bear. */
export const defaultLimits: LayerLimits = {
  headerBytes: 1 << 20,
  entries: 2_000_000,
  depth: 512,
  unpackedBytes: 256 * 2 ** 30,
};
