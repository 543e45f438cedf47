import {
  type ApplyOptions,
  type ComparedLayer,
  type CompareOptions,
  type ContentStore,
  type Descriptor,
  type Differ,
  type LayerTarget,
  type LayerTree,
  type Logger,
  type PluginDirs,
  SlipwayError,
  type StagedLayer,
  step,
  throwIfAborted,
  tokens,
} from '@slipway/plugin-api';
import { inject, injectable } from 'tsyringe';
import { CompareThreads } from './compare-threads.js';
import { compareToContent } from './compare-to-content.js';
import { type LimitsConfig, limitsOf } from './config.js';
import { type DifferChoice, differToken } from './differ-choice.js';
import type { Jobs, LayerSettings, ReadResult } from './job.js';
import { LayerThreads } from './layer-threads.js';
import { spool } from './spool.js';

/** Applies tar layers, and makes them, off the event loop. */
@injectable()
export class LayerDiffer implements Differ, AsyncDisposable {
  readonly #threads = new LayerThreads();
  readonly #compareThreads = new CompareThreads();
  readonly #calls = new Set<Promise<unknown>>();

  constructor(
    @inject(differToken) private readonly choice: DifferChoice,
    @inject(tokens.config) private readonly config: LimitsConfig,
    @inject(tokens.need('content')) private readonly content: ContentStore,
    @inject(tokens.dirs) private readonly dirs: PluginDirs,
    @inject(tokens.log) private readonly log: Logger,
  ) {}

  async apply(layer: Descriptor, target: LayerTarget, options: ApplyOptions = {}): Promise<Descriptor> {
    const result = await this.#call(this.#read('apply', layer, target, options));
    step('diff.apply.applied', { digest: layer.digest, diffId: result.digest });
    return uncompressedDescriptor(result);
  }

  async stage(layer: Descriptor, target: LayerTarget, options: ApplyOptions = {}): Promise<StagedLayer> {
    const result = await this.#call(this.#read('stage', layer, target, options));
    step('diff.stage.staged', { digest: layer.digest, diffId: result.digest });
    return {
      descriptor: uncompressedDescriptor(result),
      rebase: (lower, rebaseOptions) => this.#rebase(layer, { ...target, lower }, result.notes, rebaseOptions),
    };
  }

  compare(lower: readonly LayerTree[], upper: readonly LayerTree[], options: CompareOptions = {}): Promise<ComparedLayer> {
    const { content, log } = this;
    const services = { content, log, threads: this.#compareThreads, limits: limitsOf(this.config) };
    return this.#call(compareToContent(services, lower, upper, options));
  }

  async #read<Type extends 'apply' | 'stage'>(
    type: Type,
    layer: Descriptor,
    target: LayerTarget,
    { signal, onProgress }: ApplyOptions,
  ): Promise<Jobs[Type]['result']> {
    const what = `${type} layer "${layer.digest}"`;
    throwIfAborted(what, signal);
    this.#checkFormat(what, target);
    await using reader = await this.content.readerAt(layer.digest);
    await using spooled = reader.fd === undefined ? await spool(reader, this.dirs.state, signal) : undefined;
    const fd = reader.fd ?? spooled?.fd ?? -1;
    step(`diff.${type}.opened`, { digest: layer.digest });
    const job = { fd, size: reader.size, target, ...this.#settings() };
    return await this.#threads.run(type, job, { signal, weight: layer.size, onProgress, onWarning: this.#warningsOf(layer) });
  }

  async #rebase(layer: Descriptor, target: LayerTarget, notes: Uint8Array, { signal }: ApplyOptions = {}): Promise<void> {
    await this.#threads.run(
      'rebase',
      { target, notes, imageForm: this.choice.imageForm },
      { signal, weight: Number.POSITIVE_INFINITY, onWarning: this.#warningsOf(layer) },
    );
    step('diff.rebase.rebased', { digest: layer.digest });
  }

  #settings(): LayerSettings {
    const { plugin, imageForm } = this.choice;
    return { plugin, limits: limitsOf(this.config), imageForm };
  }

  #checkFormat(what: string, { format, path }: LayerTarget): void {
    const { writes } = this.choice;
    if (!writes.includes(format))
      throw new SlipwayError({
        kind: 'unimplemented',
        code: 'LAYER_FORMAT_UNSUPPORTED',
        message: `${what}: the target "${path}" is of the format "${format}", expected ${writes.map((each) => `"${each}"`).join(' or ')}`,
        hint: `wire a differ that writes ${format}, or a snapshotter with another layer target`,
      });
  }

  #warningsOf(layer: Descriptor): (message: string) => void {
    return (message) => this.log.warn(message, { layer: layer.digest });
  }

  async #call<T>(work: Promise<T>): Promise<T> {
    this.#calls.add(work);
    try {
      return await work;
    } finally {
      this.#calls.delete(work);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#compareThreads[Symbol.asyncDispose]();
    await this.#threads[Symbol.asyncDispose]();
    // They have readers and ingests of the content store, which goes after this.
    await Promise.allSettled(this.#calls);
  }
}

function uncompressedDescriptor({ digest, size }: ReadResult): Descriptor {
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size };
}
