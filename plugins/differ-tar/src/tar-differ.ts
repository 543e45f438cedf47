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
  step,
  throwIfAborted,
  tokens,
} from '@slipway/plugin-api';
import { inject, injectable } from 'tsyringe';
import { CompareThreads } from './compare-threads.js';
import { compareToContent } from './compare-to-content.js';
import { type DifferTarConfig, limitsOf } from './config.js';
import { LayerWorker } from './layer-worker.js';
import { spool } from './spool.js';

/** Applies tar layers to directories, off the event loop. */
@injectable()
export class TarDiffer implements Differ, AsyncDisposable {
  readonly #worker = new LayerWorker();
  readonly #compareThreads = new CompareThreads();

  constructor(
    @inject(tokens.config) private readonly config: DifferTarConfig,
    @inject(tokens.need('content')) private readonly content: ContentStore,
    @inject(tokens.dirs) private readonly dirs: PluginDirs,
    @inject(tokens.log) private readonly log: Logger,
  ) {}

  async apply(layer: Descriptor, target: LayerTarget, options: ApplyOptions = {}): Promise<Descriptor> {
    const { signal, onProgress } = options;
    throwIfAborted(`apply layer "${layer.digest}"`, signal);
    if (target.format === 'erofs')
      throw new SlipwayError({
        kind: 'unimplemented',
        code: 'LAYER_FORMAT_UNSUPPORTED',
        message: `apply layer "${layer.digest}": the target "${target.path}" is an EROFS image, expected a directory`,
        hint: 'wire a differ that writes erofs, or a snapshotter with directories',
      });
    await using reader = await this.content.readerAt(layer.digest);
    await using spooled = reader.fd === undefined ? await spool(reader, this.dirs.state, signal) : undefined;
    const fd = reader.fd ?? spooled?.fd ?? -1;
    step('diff.apply.opened', { digest: layer.digest });
    const onWarning = (message: string): void => this.log.warn(message, { layer: layer.digest });
    const { digest, size } = await this.#worker.run(
      { fd, size: reader.size, target, limits: limitsOf(this.config) },
      { signal, onProgress, onWarning },
    );
    step('diff.apply.applied', { digest: layer.digest, diffId: digest });
    return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size };
  }

  compare(lower: readonly LayerTree[], upper: readonly LayerTree[], options: CompareOptions = {}): Promise<ComparedLayer> {
    const { content, log } = this;
    const services = { content, log, threads: this.#compareThreads, limits: limitsOf(this.config) };
    return compareToContent(services, lower, upper, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#compareThreads[Symbol.asyncDispose]();
    await this.#worker[Symbol.asyncDispose]();
  }
}
