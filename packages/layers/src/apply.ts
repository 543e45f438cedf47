import { lstatSync, readdirSync } from 'node:fs';
import type { LinuxSystem } from '@slipway/linux';
import { type LayerTarget, type LayerTree, throwIfAborted } from '@slipway/plugin-api';
import { fromText, quote } from './bytes.js';
import { layerError } from './errors.js';
import { defaultLimits, type LayerLimits } from './limits.js';
import { TarReader } from './tar/reader.js';
import { attributesOf, unlistedDirectory } from './tree/attributes.js';
import { type BaseDirectory, baseNames, lookUpBase } from './tree/base.js';
import { DirectoryWriter } from './tree/directory-writer.js';
import { DirectoryHandle, HandleTable } from './tree/handle.js';
import { LayerMerge } from './tree/merge.js';
import { DirectoryNode } from './tree/node.js';
import { MergedView } from './tree/view.js';
import { Whiteouts } from './tree/whiteouts.js';
import { readXattrs } from './tree/xattrs.js';

export interface ApplyLayerOptions {
  readonly system: LinuxSystem;
  readonly limits?: LayerLimits | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called before each entry and each removed directory; what it throws ends the work. A busy thread sees no signal. */
  readonly checkpoint?: (() => void) | undefined;
  /** Told what the target could not keep and the layer works without. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Applies one layer, an uncompressed tar stream, to a directory: of the `overlay` format, which must be empty, or of the
 * `directory` format, which holds the merged tree of the layers below. File system work is synchronous: run it in a worker.
 *
 * What an error leaves in the target is the caller's to remove. The stream is read to its end, past the end of the archive.
 *
 * Errors: `invalid-argument` and `data-loss` for what is wrong with the layer, `resource-exhausted` past a limit or on a full
 * disk, `failed-precondition` for an unfit target, `unimplemented` for a format that is no directory, `canceled`.
 */
export async function applyLayer(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  target: LayerTarget,
  options: ApplyLayerOptions,
): Promise<void> {
  const { signal } = options;
  throwIfAborted('apply layer', signal);
  using application = new LayerApplication(target, options);
  for await (const chunk of source) {
    throwIfAborted('apply layer', signal);
    application.push(chunk);
  }
  throwIfAborted('apply layer', signal);
  application.end();
}

/** The synchronous heart of {@link applyLayer}: chunks are pushed in, disposing releases its descriptors. */
export class LayerApplication implements Disposable {
  readonly #handles = new HandleTable();
  readonly #writer: DirectoryWriter;
  readonly #view: MergedView;
  readonly #reader: TarReader;

  constructor(target: LayerTarget, options: ApplyLayerOptions) {
    const { system, checkpoint = () => undefined } = options;
    const limits = options.limits ?? defaultLimits;
    const form = directoryForm(target);
    const handles = this.#handles;
    this.#writer = new DirectoryWriter({ system, handles, form, checkpoint, warn: options.onWarning ?? (() => undefined) });
    const writer = this.#writer;
    try {
      const root = openRoot(target, form, handles, system);
      this.#view = new MergedView({ system, handles, writer, form, root, limits });
      const view = this.#view;
      if (root.copyFrom) writer.setAttributes(root);
      view.touched.add(root);
      const whiteouts = new Whiteouts({ system, handles, writer, view, form });
      this.#reader = new TarReader(new LayerMerge({ system, handles, writer, view, whiteouts, checkpoint }), limits);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  end(): void {
    this.#reader.end();
    this.#writer.finish(this.#view.touched);
  }

  [Symbol.dispose](): void {
    this.#writer[Symbol.dispose]();
    this.#handles[Symbol.dispose]();
  }
}

function directoryForm(tree: LayerTree): 'overlay' | 'directory' {
  if (tree.format === 'erofs')
    throw layerError(
      'LAYER_FORMAT_UNSUPPORTED',
      `apply layer to ${quote(fromText(tree.path))}: it is an EROFS image, not a directory`,
    );
  return tree.format;
}

function openRoot(target: LayerTarget, form: 'overlay' | 'directory', handles: HandleTable, system: LinuxSystem): DirectoryNode {
  const handle = new DirectoryHandle(undefined, fromText(target.path));
  const content = readdirSync(handles.path(handle, '.'));
  if (form === 'overlay' && content.length > 0)
    throw layerError('LAYER_TARGET_INVALID', `apply layer to ${quote(handle.name)}: the directory is not empty`, {
      hint: 'prepare a new snapshot for each layer',
    });
  const base: BaseDirectory[] = target.lower.map((tree) => ({
    handle: new DirectoryHandle(undefined, fromText(tree.path)),
    form: directoryForm(tree),
  }));
  const parts: BaseDirectory[] = form === 'directory' ? [{ handle, form }] : base;
  const below = parts[0]?.handle ?? handle;
  const path = handles.path(below, '.');
  const found = attributesOf(lstatSync(path, { bigint: true }), readXattrs(system, path));
  // Of a tree that is empty so far the time would only tell when the snapshot was made.
  const isEmpty = !baseNames(handles, parts)
    .values()
    .some((name) => lookUpBase(system, handles, parts, name) !== undefined);
  const { mtimeSeconds, mtimeNanoseconds } = unlistedDirectory;
  const attributes = isEmpty ? { ...found, mtimeSeconds, mtimeNanoseconds } : found;
  const copyFrom = below === handle ? undefined : { at: below, name: '.' };
  const root = new DirectoryNode(undefined, '', handle, parts, attributes, copyFrom);
  root.made = true;
  return root;
}
