import type { LinuxSystem } from '@slipway/linux';
import { type LayerTarget, throwIfAborted, wrapError } from '@slipway/plugin-api';
import { type ByteString, fromText, quote } from '../bytes.js';
import type { ErofsForm } from '../erofs/types.js';
import { layerError } from '../errors.js';
import { defaultLimits } from '../limits.js';
import { attributesOf } from '../tree/attributes.js';
import { type BaseDirectory, type BaseEntry, baseNames, lookUpBase } from '../tree/base.js';
import { DirectoryNode } from '../tree/node.js';
import { rootAttributes } from '../tree/root.js';
import { openTarget, type Target } from '../tree/target.js';
import { MergedView } from '../tree/view.js';
import type { OwnEntry, TreeWriter } from '../tree/writer.js';
import type { LayerNote, LayerNotes } from './layer-notes.js';

export interface RebaseLayerOptions {
  readonly system: LinuxSystem;
  readonly signal?: AbortSignal | undefined;
  /** Called before each note; what it throws ends the work. A busy thread sees no signal. */
  readonly checkpoint?: (() => void) | undefined;
  /** Told what the target could not keep and the layer works without. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** As it was staged with. */
  readonly imageForm?: ErofsForm | undefined;
}

/**
 * Puts a layer that `stageLayer` has made in `target.path` onto the trees `target.lower`. The work grows with the notes, not with the
 * layer. Synchronous: run it in a worker. After an error the target is of no use.
 *
 * Errors: `failed-precondition` with code `LAYER_NEEDS_LOWER` when a path of the layer leads through a symbolic link of the
 * trees below; `canceled`.
 */
export function rebaseLayer(target: LayerTarget, notes: LayerNotes, options: RebaseLayerOptions): void {
  const what = `rebase layer in ${quote(fromText(target.path))}`;
  throwIfAborted(what, options.signal);
  if (target.format === 'directory')
    throw layerError('LAYER_TARGET_INVALID', `${what}: found format "${target.format}", expected "overlay" or "erofs"`);
  using rebase = new Rebase(target, notes, options);
  try {
    rebase.run();
  } catch (error) {
    throw wrapError(what, error);
  }
}

/** A path that a note is about. */
interface Place {
  /** The directory that the trees below have here, by its parts; none when it is none. */
  readonly lower: readonly BaseDirectory[];
  /** The directory of the target through which they show, made or not yet; undefined when they do not. */
  readonly node: DirectoryNode | undefined;
}

class Rebase implements Disposable {
  readonly #places: Place[] = [];
  readonly #target: Target;
  readonly #notes: LayerNotes;
  readonly #checkpoint: () => void;
  readonly #writer: TreeWriter;
  readonly #view: MergedView;

  constructor(target: LayerTarget, notes: LayerNotes, options: RebaseLayerOptions) {
    const { system, checkpoint = () => undefined, onWarning: warn = () => undefined, imageForm = 'flat' } = options;
    // What a layer asks of nothing is answered by how it was staged.
    this.#notes = target.lower.length === 0 ? [] : notes;
    this.#checkpoint = checkpoint;
    this.#target = openTarget(target, { system, checkpoint, warn, imageForm, isStaged: true });
    const { writer, root, form } = this.#target;
    this.#writer = writer;
    this.#view = new MergedView({ writer, form, root, limits: defaultLimits });
  }

  [Symbol.dispose](): void {
    this.#target[Symbol.dispose]();
  }

  run(): void {
    for (const note of this.#notes) {
      this.#checkpoint();
      const above = this.#places[note.parent];
      this.#places.push(above ? this.#rebase(note, above) : this.#rebaseRoot(note));
    }
    // Times last: making something in a directory changes its time.
    this.#writer.finish(this.#view.touched);
  }

  #rebaseRoot(note: LayerNote): Place {
    const { root } = this.#view;
    const { lower } = this.#target;
    const [top] = lower;
    if (note.isImplied && top) {
      root.attributes = rootAttributes(top, lower);
      this.#writer.setAttributes(root);
    }
    this.#view.touched.add(root);
    if (!note.isOpaque) return { lower, node: root };
    // overlayfs does not look for the opaque mark on the root of a layer, so there each name is hidden by itself.
    for (const name of baseNames(lower)) {
      const found = lookUpBase(lower, name);
      if (found) this.#hide(root, name, found, this.#own(root, name));
    }
    return { lower, node: undefined };
  }

  #rebase(note: LayerNote, above: Place): Place {
    const { name } = note;
    const found = lookUpBase(above.lower, name);
    if (note.isNoLink && found?.stats.isSymbolicLink())
      throw layerError('LAYER_NEEDS_LOWER', `the layer has a path through ${quote(this.#path(note))}, a symbolic link below`, {
        hint: 'apply the layer in order',
      });
    const lower = found?.directories ?? [];
    const closed: Place = { lower, node: undefined };
    if (!found || !above.node) return closed;
    const own = this.#own(above.node, name);
    if (note.isHidden) {
      this.#hide(above.node, name, found, own);
      return closed;
    }
    if (lower.length === 0 || (own && !own.isDirectory)) return closed;
    const node = this.#directory(above.node, name, found, own);
    // Where the layer has put something else before, staging has closed it already.
    if (own && this.#writer.isOpaque(node)) return closed;
    if (own && note.isImplied) {
      node.attributes = attributesOf(found.stats, found.at.readXattrs(name));
      this.#writer.setAttributes(node);
      this.#view.touched.add(node);
    }
    if (!note.isOpaque) return { lower, node };
    this.#view.touch(node);
    this.#writer.setOpaque(node);
    return closed;
  }

  /** Keeps what is below under a name from showing, except through nothing that the layer itself has there. */
  #hide(parent: DirectoryNode, name: ByteString, found: BaseEntry, own: OwnEntry | undefined): void {
    if (!own) {
      this.#view.touch(parent);
      this.#writer.hide(parent, name);
    } else if (own.isDirectory && found.directories.length > 0) {
      this.#writer.setOpaque(this.#directory(parent, name, found, own));
    }
  }

  /** What the layer itself has under a name. */
  #own(parent: DirectoryNode, name: ByteString): OwnEntry | undefined {
    return parent.made ? this.#writer.lookUp(parent, name) : undefined;
  }

  #directory(parent: DirectoryNode, name: ByteString, found: BaseEntry, own: OwnEntry | undefined): DirectoryNode {
    const attributes = own?.attributes ?? attributesOf(found.stats, []);
    const node = new DirectoryNode(parent, name, [], attributes, own ? undefined : found);
    node.made = own !== undefined;
    return node;
  }

  #path(note: LayerNote): ByteString {
    const above = this.#notes[note.parent];
    return above && above.parent >= 0 ? `${this.#path(above)}/${note.name}` : note.name;
  }
}
