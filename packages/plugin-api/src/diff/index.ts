import type { Descriptor } from '../oci/index.js';
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
 * The manifest declares `writes`: the formats of {@link LayerTarget} that `apply` takes.
 *
 * @stable
 * @since 0.1
 */
export interface Differ {
  /** Errors: `not-found` (no such blob), `invalid-argument`, `data-loss`, `resource-exhausted`, `canceled`, `unimplemented` (format or compression). */
  apply(layer: Descriptor, target: LayerTarget, options?: ApplyOptions): Promise<Descriptor>;
  /**
   * Capability `compare`. Makes a layer blob in the content store such that applying it to `lower` gives `upper`.
   */
  compare?(lower: readonly LayerTree[], upper: readonly LayerTree[], options?: ApplyOptions): Promise<Descriptor>;
}

export const differPoint = definePoint<Differ>('differ.v1');

export interface ApplyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the compressed bytes read so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}
