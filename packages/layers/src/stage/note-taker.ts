import { type ByteString, copyName } from '../bytes.js';
import { entryError } from '../errors.js';
import type { DirectoryNode } from '../tree/node.js';
import type { Walked } from '../tree/view.js';
import type { Markers } from '../tree/whiteouts.js';
import type { LayerNote, LayerNotes } from './layer-notes.js';

/**
 * Names of the trees below that one layer may ask about. Ordinary layers ask about a few; one that asks about more is
 * applied in order, so that what a staged layer keeps in memory stays small.
 */
const mostNotes = 100_000;

interface IndexedNote {
  readonly index: number;
  readonly note: LayerNote;
}

/** Writes down what a layer that is staged wants of the trees below. */
export class NoteTaker implements Markers {
  readonly #notes: LayerNote[] = [];
  /** By `<index of the directory>/<name>`. */
  readonly #known = new Map<string, IndexedNote>();
  readonly #root = this.#add(-1, '');

  get notes(): LayerNotes {
    return this.#notes;
  }

  /** The note of a path. Errors name `entry`. */
  at({ node, missing }: Walked, entry: ByteString): LayerNote {
    let found = this.#directory(node, entry);
    for (const name of missing) found = this.#below(found, name, entry);
    return found.note;
  }

  hide({ node, missing }: Walked, name: ByteString): void {
    if (node.isBaseUnknown) this.at({ node, missing: [...missing, name] }, name).isHidden = true;
  }

  hideAll(directory: Walked): void {
    if (directory.node.isBaseUnknown) this.at(directory, directory.node.name).isOpaque = true;
  }

  /** Takes, of the directories that the layer has made, those that only paths imply. */
  addImplied(made: Iterable<DirectoryNode>): void {
    for (const node of made) if (node.isBaseUnknown && !node.listed) this.at({ node, missing: [] }, node.name).isImplied = true;
  }

  #directory(node: DirectoryNode, entry: ByteString): IndexedNote {
    return node.parent ? this.#below(this.#directory(node.parent, entry), node.name, entry) : this.#root;
  }

  #below(directory: IndexedNote, name: ByteString, entry: ByteString): IndexedNote {
    const key = `${directory.index}/${name}`;
    const known = this.#known.get(key);
    if (known) return known;
    if (this.#notes.length >= mostNotes)
      throw entryError('LAYER_NEEDS_LOWER', entry, `the layer asks about more than ${mostNotes} names of the layers below`);
    const added = this.#add(directory.index, copyName(name));
    this.#known.set(key, added);
    return added;
  }

  #add(parent: number, name: ByteString): IndexedNote {
    const note = { parent, name, isNoLink: false, isImplied: false, isHidden: false, isOpaque: false };
    return { index: this.#notes.push(note) - 1, note };
  }
}
