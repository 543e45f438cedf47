import type { LinuxSystem } from '@slipway/linux';
import { type LayerTarget, throwIfAborted } from '@slipway/plugin-api';
import { fromText, quote } from './bytes.js';
import type { ErofsForm } from './erofs/types.js';
import { layerError } from './errors.js';
import { defaultLimits, type LayerLimits } from './limits.js';
import type { LayerNotes } from './stage/layer-notes.js';
import { NoteTaker } from './stage/note-taker.js';
import { TarReader } from './tar/reader.js';
import { LayerMerge } from './tree/merge.js';
import { openTarget, type Target } from './tree/target.js';
import { MergedView } from './tree/view.js';
import { Whiteouts } from './tree/whiteouts.js';

export interface ApplyLayerOptions {
  readonly system: LinuxSystem;
  readonly limits?: LayerLimits | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called before each entry, each name that is removed or hidden, each time that is set at the end; what it throws ends the work. A busy thread sees no signal. */
  readonly checkpoint?: (() => void) | undefined;
  /** Told what the target could not keep and the layer works without. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** What an `erofs` target becomes; `flat` when absent. */
  readonly imageForm?: ErofsForm | undefined;
}

/** An uncompressed tar stream. */
export type LayerStream = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * Applies one layer, an uncompressed tar stream, to a directory: of the `overlay` format, which must be empty, or of the
 * `directory` format, which holds the merged tree of the layers below; or to an EROFS image, which it makes. File system work is
 * synchronous: run it in a worker.
 *
 * What an error leaves in the target is the caller's to remove. The stream is read to its end, past the end of the archive.
 *
 * Errors: `invalid-argument` and `data-loss` for what is wrong with the layer, `resource-exhausted` past a limit or on a full
 * disk, `failed-precondition` for an unfit target, `unimplemented` where an image lies on directories or the other way round, `canceled`.
 */
export async function applyLayer(source: LayerStream, target: LayerTarget, options: ApplyLayerOptions): Promise<void> {
  using application = new LayerApplication(target, options);
  await pushAll(source, application, options.signal);
}

/**
 * Applies a layer whose lower trees are not there yet to an empty directory of the `overlay` format, or to an image. Returns what is left to do
 * by {@link rebaseLayer} when they are there: a layer that is staged and rebased is what {@link applyLayer} makes of it.
 *
 * Errors: as `applyLayer`; `failed-precondition` with code `LAYER_NEEDS_LOWER` when only that can be done.
 */
export async function stageLayer(source: LayerStream, target: LayerTarget, options: ApplyLayerOptions): Promise<LayerNotes> {
  if (target.format === 'directory' || target.lower.length > 0)
    throw layerError(
      'LAYER_TARGET_INVALID',
      `stage layer in ${quote(fromText(target.path))}: found format "${target.format}" with ${target.lower.length} trees below, expected "overlay" or "erofs" with none`,
    );
  const notes = new NoteTaker();
  using application = new LayerApplication(target, options, notes);
  await pushAll(source, application, options.signal);
  return notes.notes;
}

async function pushAll(source: LayerStream, application: LayerApplication, signal: AbortSignal | undefined): Promise<void> {
  throwIfAborted('apply layer', signal);
  for await (const chunk of source) {
    throwIfAborted('apply layer', signal);
    application.push(chunk);
  }
  throwIfAborted('apply layer', signal);
  application.end();
}

/** The synchronous heart: chunks are pushed in, disposing releases its descriptors. With `notes` the layer is staged. */
class LayerApplication implements Disposable {
  readonly #target: Target;
  readonly #view: MergedView;
  readonly #reader: TarReader;
  readonly #notes: NoteTaker | undefined;

  constructor(target: LayerTarget, options: ApplyLayerOptions, notes?: NoteTaker) {
    const { system, checkpoint = () => undefined, onWarning: warn = () => undefined, imageForm = 'flat' } = options;
    const limits = options.limits ?? defaultLimits;
    this.#notes = notes;
    this.#target = openTarget(target, { system, checkpoint, warn, imageForm, isStaged: false });
    const { writer, root, form } = this.#target;
    try {
      root.isBaseUnknown = notes !== undefined;
      this.#view = new MergedView({ writer, form, root, limits, notes });
      const view = this.#view;
      if (root.copyFrom) writer.setAttributes(root);
      view.touched.add(root);
      const markers = notes ?? new Whiteouts({ writer, view });
      this.#reader = new TarReader(new LayerMerge({ writer, view, markers, limits, checkpoint }), limits);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  push(chunk: Uint8Array): void {
    this.#target.take(chunk);
    this.#reader.push(chunk);
  }

  end(): void {
    this.#reader.end();
    const { writer } = this.#target;
    const { touched } = this.#view;
    if (!this.#notes) {
      writer.finish(touched);
      return;
    }
    this.#notes.addImplied(touched);
    writer.suspend(touched);
  }

  [Symbol.dispose](): void {
    this.#target[Symbol.dispose]();
  }
}
