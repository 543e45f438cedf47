import { type Digest, hasCode, isKind, type Snapshotter, step, throwIfAborted, wrapError } from '@slipway/plugin-api';
import { addToLease } from '../metadata/leases.js';
import { releaseSnapshot } from '../operations/release-snapshot.js';
import { brokenImage } from '../pull/broken-image.js';
import { stackWith } from '../stack.js';
import type { ImageLayer } from './image-layers.js';
import type { Verification } from './verification.js';

export interface LayerFinding {
  readonly problem: 'none' | 'missing' | 'damaged' | 'unreadable' | 'unchecked';
  readonly message: string;
}

const fine: LayerFinding = { problem: 'none', message: '' };
const shown = 3;

/**
 * Applies a layer once more, to a snapshot of its own on the same parent, and compares the two trees. That takes as long as unpacking did, and is right for
 * every layer and every snapshotter; a digest of the tree, kept at unpacking, would be cheaper and would have to be believed.
 *
 * On a parent that was found damaged nothing can be compared with: the tree that was made for comparison is kept in its place then, until the end.
 * Nor on one that could not be compared itself: directories that a layer only implies are as the parent has them.
 */
export class LayerCheck implements AsyncDisposable {
  readonly #verification: Verification;
  readonly #id: string;
  readonly #snapshotter: Snapshotter;
  /** Of damaged layers what was made for comparison, by chain ID. */
  readonly #standIns = new Map<Digest, { readonly name: string; readonly forget: () => void }>();
  readonly #unchecked = new Set<Digest>();
  #count = 0;

  constructor(verification: Verification, id: string, snapshotter: Snapshotter) {
    this.#verification = verification;
    this.#id = id;
    this.#snapshotter = snapshotter;
  }

  /** Errors: `canceled`, `resource-exhausted`. */
  async look(layer: ImageLayer): Promise<LayerFinding> {
    const finding = await this.#look(layer);
    if (finding.problem === 'unchecked') this.#unchecked.add(layer.chainId);
    return finding;
  }

  async #look(layer: ImageLayer): Promise<LayerFinding> {
    const { findings, options, operation } = this.#verification;
    if (layer.isAbsent) return unchecked(`its layer "${layer.descriptor.digest}" is not here`);
    if (findings.isBad(layer.descriptor.digest)) return unchecked(`its layer "${layer.descriptor.digest}" is damaged`);
    if (layer.parent !== undefined && this.#unchecked.has(layer.parent))
      return unchecked(`"${layer.parent}", which it lies on, could not be compared`);
    const key = `verify-${operation.id}-${this.#count++}`;
    const record = operation.acquire({ kind: 'snapshot', snapshotter: this.#id, key });
    try {
      const finding = await this.#compare(layer, key);
      if (finding.problem === 'none' || finding.problem === 'unchecked') return finding;
      await this.#keep(layer, key);
      record.forget();
      return finding;
    } catch (error) {
      throwIfAborted('verify', options.signal);
      if (isKind(error, 'resource-exhausted', 'internal')) throw error;
      return unchecked(error instanceof Error ? error.message : String(error));
    } finally {
      if (!this.#standIns.has(layer.chainId)) await record.release();
    }
  }

  /** Removes what was kept, last first: each may be the parent of the next. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const [chainId, { name, forget }] of [...this.#standIns].reverse()) {
      await releaseSnapshot(this.#snapshotter, name);
      forget();
      this.#standIns.delete(chainId);
    }
  }

  async #compare(layer: ImageLayer, key: string): Promise<LayerFinding> {
    const { options, thread } = this.#verification;
    const parent = layer.parent === undefined ? undefined : (this.#standIns.get(layer.parent)?.name ?? layer.parent);
    await this.#snapshotter.prepare(key, parent);
    const digest = await this.#apply(layer, key);
    if (digest !== layer.diffId) return unchecked(`its layer unpacks to "${digest}", expected "${layer.diffId}"`);
    step('verify.snapshot.applied', { chainId: layer.chainId });
    const expected = await this.#snapshotter.trees(key);
    let differences: readonly string[];
    try {
      // The layer alone, or all of it: whatever form the snapshotter keeps.
      const [found] = await this.#snapshotter.trees(layer.chainId);
      if (found === undefined) return unchecked(`the snapshotter "${this.#id}" shows no tree of it`);
      ({ differences } = await thread.run({ kind: 'compare', found, expected }, { signal: options.signal }));
    } catch (error) {
      throwIfAborted('verify', options.signal);
      // Removed meanwhile by somebody: that is no damage.
      if (isKind(error, 'not-found')) return fine;
      const failure = wrapError(`compare the snapshot "${layer.chainId}" with its layer`, error);
      // Too few descriptors, or a thread that is lost, say nothing of the snapshot.
      if (isKind(failure, 'resource-exhausted', 'internal')) throw failure;
      return { problem: hasCode(error, 'ENOENT', 'SNAPSHOT_TREE_GONE') ? 'missing' : 'unreadable', message: failure.message };
    }
    if (differences.length === 0) return fine;
    const more = differences.length > shown ? '; and more' : '';
    return { problem: 'damaged', message: differences.slice(0, shown).join('; ') + more };
  }

  async #apply({ descriptor }: ImageLayer, key: string): Promise<Digest> {
    const { parts, options } = this.#verification;
    const differ = await stackWith(parts, this.#id).differ();
    const target = await this.#snapshotter.layerTarget(key);
    try {
      return (await differ.apply(descriptor, target, { signal: options.signal })).digest;
    } catch (error) {
      throw brokenImage(`unpack of layer "${descriptor.digest}"`, error);
    }
  }

  async #keep(layer: ImageLayer, key: string): Promise<void> {
    const { parts, operation } = this.#verification;
    const name = `${key}-stand-in`;
    const { forget } = operation.acquire({ kind: 'snapshot', snapshotter: this.#id, key: name });
    await parts.metadata.write((tx) => addToLease(tx, operation.id, { snapshots: [{ snapshotter: this.#id, name }] }));
    await this.#snapshotter.commit(name, key);
    this.#standIns.set(layer.chainId, { name, forget });
  }
}

function unchecked(message: string): LayerFinding {
  return { problem: 'unchecked', message };
}
