import { lstatSync } from 'node:fs';
import type { LinuxSystem } from '@slipway/linux';
import type { LayerTarget, TreeFormat } from '@slipway/plugin-api';
import { fromText, quote } from '../bytes.js';
import type { ErofsForm } from '../erofs/types.js';
import { ImageTarget } from '../erofs-apply/image-target.js';
import { layerError } from '../errors.js';
import { attributesOf } from './attributes.js';
import type { BaseDirectory } from './base.js';
import { BaseTrees } from './base-trees.js';
import { DirectoryWriter } from './directory-writer.js';
import type { FolderForm } from './folder-part.js';
import { DirectoryHandle, HandleTable } from './handle.js';
import { DirectoryNode } from './node.js';
import { openRoot } from './root.js';
import type { TreeWriter } from './writer.js';

export interface TargetOptions {
  readonly system: LinuxSystem;
  readonly checkpoint: () => void;
  readonly warn: (message: string) => void;
  /** Of an `erofs` target. */
  readonly imageForm: ErofsForm;
  /** What the layer has been staged in already. */
  readonly isStaged: boolean;
}

/** Where a layer goes, open, and the trees below it. */
export interface Target extends Disposable {
  readonly writer: TreeWriter;
  /** With the trees below, unless the layer has been staged. */
  readonly root: DirectoryNode;
  /** Topmost first. */
  readonly lower: readonly BaseDirectory[];
  /** `directory`: the trees below are the target itself. */
  readonly form: FolderForm;
  /** Told each part of the uncompressed stream before anything of it is read. */
  take(chunk: Uint8Array): void;
}

export function openTarget(target: LayerTarget, options: TargetOptions): Target {
  for (const { format, path } of target.lower)
    if ((format === 'erofs') !== (target.format === 'erofs')) throw mixed(target, format, path);
  return target.format === 'erofs' ? new ImageTarget(target, options) : new FolderTarget(target, target.format, options);
}

class FolderTarget implements Target {
  readonly writer: DirectoryWriter;
  readonly root: DirectoryNode;
  readonly lower: readonly BaseDirectory[];
  readonly form: FolderForm;
  readonly #owned = new DisposableStack();

  constructor(target: LayerTarget, form: FolderForm, { system, checkpoint, warn, isStaged }: TargetOptions) {
    const handles = this.#owned.use(new HandleTable());
    const access = { system, handles };
    this.form = form;
    this.writer = this.#owned.use(new DirectoryWriter({ system, handles, form, checkpoint, warn }));
    try {
      this.lower = this.#owned.use(new BaseTrees(access)).open(target.lower);
      this.root = isStaged ? stagedRoot(target.path) : openRoot(target, form, this.lower, access);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  take(): void {}

  [Symbol.dispose](): void {
    this.#owned[Symbol.dispose]();
  }
}

function stagedRoot(path: string): DirectoryNode {
  const attributes = attributesOf(lstatSync(path, { bigint: true }), []);
  const handle = new DirectoryHandle(undefined, fromText(path));
  const root = new DirectoryNode(undefined, '', [], attributes, undefined, handle);
  root.made = true;
  return root;
}

function mixed(target: LayerTarget, format: TreeFormat, path: string): Error {
  return layerError(
    'LAYER_FORMAT_UNSUPPORTED',
    `apply layer to ${quote(fromText(target.path))}, of the format "${target.format}": ${quote(fromText(path))} below it is of the format "${format}"`,
  );
}
