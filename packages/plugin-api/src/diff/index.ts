import type { Descriptor, Digest } from '../oci/index.js';
import { definePoint } from '../point.js';
import type { LayerTarget, LayerTree } from '../snapshots/index.js';

/**
 * # Differ: between layers and trees
 *
 * `apply` reads a layer blob (a tar stream, plain or compressed) and writes its content to a snapshotter's target.
 *
 * Laws (OCI image-spec, layer.md):
 * 1. The result is the merged view of the lower trees with this layer on top, whatever the target's format.
 * 2. Nothing outside `target.path` is written; nothing outside it and the lower trees is read. Every name is resolved inside the root as chroot(2) would,
 *    against the merged view.
 * 3. The returned descriptor is that of the *uncompressed* stream, hashed to its very end: its digest is the layer's diffID.
 *    Comparing it with the image's is the caller's; so is removing the target after an error.
 * 4. A malformed, truncated or over-long stream rejects with `invalid-argument` or `data-loss` and names the entry. Never a warning.
 * 5. Memory does not grow with the layer's size; headers have limits (`resource-exhausted`).
 * 6. The compression is found from the bytes, not from the media type.
 *
 * The manifest declares `writes`: the formats of {@link LayerTarget} that `apply` takes, and the capabilities `stage` and `compare`.
 *
 * @stable
 * @since 0.1
 */
export interface Differ {
  /** Errors: `not-found` (no such blob), `invalid-argument`, `data-loss`, `resource-exhausted`, `canceled`, `unimplemented` (format or compression). */
  apply(layer: Descriptor, target: LayerTarget, options?: ApplyOptions): Promise<Descriptor>;
  /**
   * Capability `stage`: the first part of `apply`, for when the trees below are not there yet. `target` is empty, has no `lower`, and is of an overlaid
   * format. All that costs much is done (reading, hashing, writing files); what depends on the trees below is noted, for
   * {@link StagedLayer.rebase}. Stages of several layers may run side by side.
   *
   * Law: staged and rebased onto a tree, a layer gives what `apply` over that tree gives.
   * Errors: as `apply`; `failed-precondition` with code `LAYER_NEEDS_LOWER` when this layer can only be applied in order.
   */
  stage?(layer: Descriptor, target: LayerTarget, options?: ApplyOptions): Promise<StagedLayer>;
  /**
   * Capability `compare`. Makes a layer blob in the content store such that applying it to `lower` gives `upper`. The same trees
   * give the same bytes. Both lists are topmost first, as `Snapshotter.trees` gives them; an empty `lower` is an empty tree.
   * Sockets are left out. Errors: `invalid-argument` (a tree that no layer can describe), `resource-exhausted`, `aborted` (a tree
   * changed meanwhile), `canceled`.
   */
  compare?(lower: readonly LayerTree[], upper: readonly LayerTree[], options?: CompareOptions): Promise<ComparedLayer>;
}

export const differPoint = definePoint<Differ>('differ.v1');

export interface ApplyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the compressed bytes read so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** A layer in its target, but for what depends on the trees below. */
export interface StagedLayer {
  /** Of the uncompressed stream, as `apply` returns it. */
  readonly descriptor: Descriptor;
  /**
   * Puts the layer onto the trees below, topmost first; none when there is nothing below. Call it once.
   * Errors: `failed-precondition` with code `LAYER_NEEDS_LOWER` when a path of the layer leads through a symbolic link of theirs: the target is of no use then,
   * and the layer is to be applied in order.
   */
  rebase(lower: readonly LayerTree[], options?: ApplyOptions): Promise<void>;
}

export interface CompareOptions extends ApplyOptions {
  /** Default `gzip`. Both are made such that the same content gives the same bytes. */
  readonly compression?: 'none' | 'gzip' | 'zstd' | undefined;
  /** Of the ingest in the content store; one that nobody else uses is chosen when absent. */
  readonly ref?: string | undefined;
}

export interface ComparedLayer {
  /** Of the blob, with the media type of its compression. */
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed stream. */
  readonly diffId: Digest;
}
