import type {
  Container,
  Engine,
  Image,
  ImageDetails,
  Images,
  Logger,
  Platform,
  PullOptions,
  RemovedImage,
  RunOptions,
  StackOptions,
} from '@slipway/plugin-api';
import { listImages } from './images/describe.js';
import { inspectImage } from './images/inspect.js';
import { mountImage, unmountImage } from './images/mount.js';
import { removeImage } from './images/remove.js';
import { NamespacedContent } from './metadata/content.js';
import { sweepAfterReboot } from './operations/reboot.js';
import { recoverOperations } from './operations/recovery.js';
import { pull } from './pull/pull.js';
import type { RunningContainer } from './run/container.js';
import { run } from './run/run.js';
import type { EngineNeeds, EngineParts, EngineSettings } from './settings.js';

/** The way of the data behind one face. Every method first cleans up after operations that were killed. */
export class SlipwayEngine implements Engine, Images {
  readonly #parts: EngineParts;
  readonly #running = new Set<RunningContainer>();
  #recovery: Promise<void> | undefined;

  private constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  static open(settings: EngineSettings, needs: EngineNeeds, log: Logger): SlipwayEngine {
    const content = new NamespacedContent(needs.content, needs.metadata);
    return new SlipwayEngine({ ...needs, settings, log, store: needs.content, content });
  }

  get images(): Images {
    return this;
  }

  async pull(name: string, options: PullOptions = {}): Promise<Image> {
    await this.#recovered();
    return pull(this.#parts, name, options);
  }

  async run(options: RunOptions): Promise<Container> {
    await this.#recovered();
    const container = await run(this.#parts, options);
    this.#running.add(container);
    const forget = (): unknown => this.#running.delete(container);
    container.wait().then(forget, forget);
    return container;
  }

  async list(): Promise<readonly Image[]> {
    await this.#recovered();
    return listImages(this.#parts);
  }

  async inspect(name: string, options: { readonly platform?: Platform | undefined } = {}): Promise<ImageDetails> {
    await this.#recovered();
    return inspectImage(this.#parts, name, options.platform);
  }

  async remove(name: string): Promise<RemovedImage> {
    await this.#recovered();
    return removeImage(this.#parts, name);
  }

  async mount(
    name: string,
    directory: string,
    options: StackOptions & { readonly platform?: Platform | undefined } = {},
  ): Promise<void> {
    await this.#recovered();
    await mountImage(this.#parts, name, directory, options);
  }

  async unmount(directory: string): Promise<void> {
    await this.#recovered();
    await unmountImage(this.#parts, directory);
  }

  /** Containers of this engine do not outlive it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#running].map((container) => container[Symbol.asyncDispose]()));
  }

  #recovered(): Promise<void> {
    this.#recovery ??= (async () => {
      await recoverOperations(this.#parts);
      await sweepAfterReboot(this.#parts);
    })();
    return this.#recovery;
  }
}
